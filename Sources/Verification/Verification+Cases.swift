import Foundation
import Golden
import JSON
import Support

/// What can be wrong with the choice of cases.
public enum VerificationError: Error, Equatable, CustomStringConvertible {
    /// A folder that is not there.
    case noFolder(path: String)
    /// A folder without a single case.
    case noCases(path: String)
    /// No case has this slug.
    case unknownSlug(slug: String, nearest: String?)
    /// The cases that belong to the program are not beside it.
    case noBundledCases(searched: String)

    /// One sentence: what was wrong, where, what to do.
    public var description: String {
        switch self {
        case .noFolder(let path):
            "\(path): there is no such folder"
        case .noCases(let path):
            "\(path) holds no case: a case is a folder with a case.json"
        case .unknownSlug(let slug, let nearest):
            "no case is of `\(slug)`" + (nearest.map { "; the nearest is `\($0)`" } ?? "")
        case .noBundledCases(let searched):
            "the cases that ship with graft are not in \(searched): keep that folder beside the program, or name a "
                + "folder with --cases"
        }
    }
}

extension Verification {
    /// Where a case is, and of what.
    public struct CaseLocation: Sendable, Equatable {
        /// The folder of the case.
        public var folder: URL
        /// The slug that it names; its parent folder's name where it cannot be read.
        public var slug: String
        /// The folder's name.
        public var name: String
    }

    /// The cases below some folders, in the order of their paths.
    /// - Parameter slugs: only those; all where none is given.
    /// - Throws: `VerificationError` for a folder without cases and for a slug that no case has.
    public static func cases(below roots: [URL], slugs: [String] = []) throws -> [CaseLocation] {
        let found = try roots.flatMap { root in
            guard FileManager.default.fileExists(atPath: root.path) else {
                throw VerificationError.noFolder(path: root.path)
            }
            let folders = try GoldenCase.folders(below: root)
            guard !folders.isEmpty else { throw VerificationError.noCases(path: root.path) }
            return folders.map { CaseLocation(folder: $0, slug: slug(of: $0), name: $0.lastPathComponent) }
        }
        let known = Set(found.map(\.slug))
        if let unknown = slugs.first(where: { !known.contains($0) }) {
            throw VerificationError.unknownSlug(slug: unknown, nearest: nearestMatch(to: unknown, in: known.sorted()))
        }
        return slugs.isEmpty ? found : found.filter { slugs.contains($0.slug) }
    }

    private static func slug(of folder: URL) -> String {
        let file = folder.appendingPathComponent("case.json")
        let named = try? JSON.Node(contentsOf: file, maximumBytes: 64 << 20).field("method").string()
        return named ?? folder.deletingLastPathComponent().lastPathComponent
    }

    /// The cases that ship with the product: a folder beside the program.
    /// - Parameter part: a folder among them: `methods`, `models/bert`.
    /// - Throws: `VerificationError.noBundledCases`.
    public static func bundledCases(_ part: String = "") throws -> URL {
        // Not `Bundle.module`, which ends the process where the folder is missing.
        let program = Bundle.main.executableURL?.resolvingSymlinksInPath()
        // Tests run in a program of the toolchain on some systems; their own bundle is beside the resources.
        let tests = Bundle.allBundles.map(\.bundleURL).filter { $0.pathExtension == "xctest" }
        let places = ([program].compactMap { $0 } + tests).map { $0.deletingLastPathComponent() }
        let folders = places.flatMap { place in
            ["resources", "bundle"].map { place.appendingPathComponent("graft_Verification.\($0)/Cases") }
        }
        guard let folder = folders.first(where: { FileManager.default.fileExists(atPath: $0.path) }) else {
            throw VerificationError.noBundledCases(searched: folders.first?.path ?? "the program's folder")
        }
        return part.isEmpty ? folder : folder.appendingPathComponent(part)
    }
}
