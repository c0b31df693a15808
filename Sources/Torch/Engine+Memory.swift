import Foundation

extension Engine {
    /// Gives memory that the process has freed back to the system, where the allocator keeps it. It costs the next use of
    /// that memory some time: for the end of a stage of work, and for methods that promise to need little.
    public static func releaseFreedMemory() {
        #if canImport(Darwin)
            _ = malloc_zone_pressure_relief(nil, 0)
        #elseif os(Linux)
            // glibc's module has no name for it, and other C libraries do not have it.
            guard let program = dlopen(nil, RTLD_NOW), let symbol = dlsym(program, "malloc_trim") else { return }
            typealias Trim = @convention(c) (_ kept: Int) -> Int32
            _ = unsafeBitCast(symbol, to: Trim.self)(0)
        #endif
    }
}
