import CTorch
import Foundation

/// The loaded libtorch: found, loaded and checked once, when the first tensor is made.
public enum Engine {
    /// Loads the engine if that has not happened yet.
    /// - Throws: `TorchError.engineUnavailable` with a sentence that says what to do.
    public static func ensureLoaded() throws {
        try loading.get()
    }

    /// libtorch's version, such as `2.13.0`.
    public static func version() throws -> String {
        try ensureLoaded()
        return text(ct_engine_loaded()?.pointee.version?())
    }

    /// libtorch's own description of its build, BLAS, OpenMP and threads.
    public static func configuration() throws -> String {
        try ensureLoaded()
        return text(ct_engine_loaded()?.pointee.configuration?())
    }

    /// The file that was loaded.
    public static func path() throws -> String {
        try ensureLoaded()
        return EngineLocator.find() ?? ""
    }

    /// How many tensor handles Swift holds: zero when nothing leaks.
    public static var liveHandles: Int {
        Int(ct_engine_loaded()?.pointee.live_handles?() ?? 0)
    }

    /// Threads that one operation may use.
    public static func threadCount() throws -> Int {
        try ATen.threadCount()
    }

    /// Sets the threads of one operation. Call it before the first operation: OpenMP keeps its pool.
    public static func setThreadCount(_ count: Int) throws {
        guard count > 0 else { throw TorchError.invalid("the number of threads must be positive, found \(count)") }
        try ATen.setThreadCount(count)
    }

    /// CUDA devices that the loaded libtorch can use; 0 for a CPU build.
    public static func cudaDeviceCount() throws -> Int {
        try ATen.cudaDeviceCount()
    }

    private static let loading: Result<Void, TorchError> = {
        guard let path = EngineLocator.find() else {
            return .failure(.engineUnavailable(EngineLocator.missing()))
        }
        // GNU OpenMP spins for milliseconds at every barrier; on a machine with other work that costs several times what
        // the short operations of small models take. The user's own setting stays.
        setenv("GOMP_SPINCOUNT", "10000", 0)
        var message = [CChar](repeating: 0, count: 1024)
        guard ct_load(path, &message, message.count) == 0 else {
            let reason = message.withUnsafeBufferPointer { text($0.baseAddress) }
            return .failure(.engineUnavailable("the engine could not be loaded (\(reason)): \(EngineLocator.remedy)"))
        }
        return .success(())
    }()

    static func check(_ status: Int32, _ operation: @autoclosure () -> String) throws {
        if status == CT_OK.rawValue { return }
        let message = text(ct_engine_loaded()?.pointee.error_message?())
        if status == CT_OUT_OF_MEMORY.rawValue {
            throw TorchError.outOfMemory(operation: operation(), message: message)
        }
        throw TorchError.operation(name: operation(), message: message)
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String {
        pointer.map { String(cString: $0) } ?? ""
    }
}

/// Where the engine library may be.
enum EngineLocator {
    static let remedy =
        "run `make engine` in Graft's folder (`Scripts/setup-libtorch` in a checkout); with GRAFT_LIBTORCH set to an "
        + "installed libtorch 2.11 or newer it builds against that one"

    #if os(macOS)
        static let fileName = "libgraft_engine.dylib"
    #else
        static let fileName = "libgraft_engine.so"
    #endif

    /// The first engine that exists: `GRAFT_ENGINE`, the one built for `GRAFT_LIBTORCH`, the package's own, the user's
    /// cache, beside the program.
    static func find(environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        if let path = environment["GRAFT_ENGINE"], !path.isEmpty { return existing(path) }
        let homes = self.homes(environment)
        if let libtorch = environment["GRAFT_LIBTORCH"], !libtorch.isEmpty {
            return homes.lazy.compactMap { engine(for: libtorch, in: $0) }.first
        }
        let program = URL(fileURLWithPath: Bundle.main.executablePath ?? "/").deletingLastPathComponent()
        let candidates = homes.map { $0 + "/engine/current/" + fileName } + [program.path + "/" + fileName]
        return candidates.lazy.compactMap(existing).first
    }

    static func missing(environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        if let path = environment["GRAFT_ENGINE"], !path.isEmpty {
            return "GRAFT_ENGINE names \(path), which does not exist: \(remedy)"
        }
        if let path = environment["GRAFT_LIBTORCH"], !path.isEmpty {
            return "no engine was built for GRAFT_LIBTORCH=\(path): \(remedy)"
        }
        return "libtorch is not set up: \(remedy)"
    }

    private static func homes(_ environment: [String: String]) -> [String] {
        let root = String(cString: ct_package_root())
        let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
        return (root.isEmpty ? [] : [root + "/.libtorch"]) + [cache + "/graft"]
    }

    /// Each engine folder notes in `libtorch-path` which libtorch it was built against.
    private static func engine(for libtorch: String, in home: String) -> String? {
        let wanted = URL(fileURLWithPath: libtorch).resolvingSymlinksInPath().path
        let folder = home + "/engine"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names.sorted() {
            guard let note = try? String(contentsOfFile: "\(folder)/\(name)/libtorch-path", encoding: .utf8) else {
                continue
            }
            if note.trimmingCharacters(in: .whitespacesAndNewlines) == wanted {
                return existing("\(folder)/\(name)/\(fileName)")
            }
        }
        return nil
    }

    private static func existing(_ path: String) -> String? {
        FileManager.default.fileExists(atPath: path) ? path : nil
    }
}
