import Foundation
import Support

/// What can go wrong with a file as a whole, below any format.
public enum FileError: Error, Equatable, Sendable {
    /// What was asked of the system when it refused.
    public enum Action: String, Sendable {
        case open, read, map, write, replace, remove
    }

    /// The system refused; `code` is its `errno`.
    case system(Action, path: String, code: Int32)
    /// A folder, device or pipe where a file is needed.
    case notAFile(path: String)
    /// The file became shorter while it was read.
    case shrank(path: String)
    /// The file was written into while it was read.
    case changed(path: String)
    /// The file is a symbolic link, or lies behind one, that leads out of the folder that it should be in.
    case outside(path: String, target: String)
    /// Another holder has the lock of the folder; who that is, in its own words.
    case inUse(path: String, holder: String)
    /// The folder that is written to was removed, moved or replaced meanwhile.
    case vanished(path: String)

    /// The refusal that `errno` tells of. Call it right after the failing function.
    static func last(_ action: Action, _ path: String) -> FileError {
        .system(action, path: path, code: errno)
    }

    /// The refusal that an error of Foundation's stands for: its `errno` where it tells, else what its kind means.
    init(_ action: Action, _ url: URL, _ error: any Error) {
        let code: Int32
        if let reason = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError {
            code = Int32(truncatingIfNeeded: reason.code)
        } else {
            code =
                switch (error as? CocoaError)?.code {
                case .fileReadNoSuchFile, .fileNoSuchFile: ENOENT
                case .fileReadNoPermission, .fileWriteNoPermission: EACCES
                default: EIO
                }
        }
        self = .system(action, path: url.path, code: code)
    }
}

extension FileError: CustomStringConvertible {
    /// One sentence: the path, the system's reason, and what to do where that is known.
    public var description: String { shortened(message: sentence) }

    private var sentence: String {
        switch self {
        case .system(let action, let path, let code):
            "cannot \(action.rawValue) \(path): \(String(cString: strerror(code)))\(Self.remedy(action, code))"
        case .notAFile(let path):
            "\(path) is not a regular file"
        case .shrank(let path):
            "\(path) became shorter while it was read; wait until nothing writes to it, and start again"
        case .changed(let path):
            "\(path) was changed while it was read; wait until nothing writes to it, and start again"
        case .outside(let path, let target):
            "\(path) is a link to \(target), outside of its folder, which is not followed: put the file itself there, or "
                + "name the folder that it is in"
        case .inUse(let path, let holder):
            "\(path) is being written by another run (\(holder)): wait until that ends, or name another folder"
        case .vanished(let path):
            "\(path) was removed, moved or replaced while it was written to: leave it in its place and start again"
        }
    }

    private static func remedy(_ action: Action, _ code: Int32) -> String {
        guard action == .write || action == .replace else { return "" }
        return switch code {
        case ENOSPC, EDQUOT: "; free some space or choose another folder"
        case EFBIG: "; raise the limit of the file size (ulimit -f) or choose another folder"
        case EACCES, EPERM, EROFS: "; choose a folder that you may write to"
        case ENOENT, ENOTDIR: "; the folder must exist"
        default: ""
        }
    }
}
