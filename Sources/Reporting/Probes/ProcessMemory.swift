import Foundation

/// Memory of this process that is resident, in bytes.
public struct ProcessMemory: Sendable, Hashable {
    /// Resident now.
    public var current: Int
    /// The most that was resident at one time since the process began.
    public var peak: Int

    /// Measures this process; both are 0 where the system does not say.
    public static func measure() -> ProcessMemory {
        #if os(Linux)
            ProcessMemory(status: ProcFile.read("/proc/self/status"))
        #elseif canImport(Darwin)
            darwin()
        #else
            ProcessMemory(current: 0, peak: 0)
        #endif
    }

    /// States an amount.
    init(current: Int, peak: Int) {
        self.current = current
        self.peak = peak
    }

    /// Reads the text of `/proc/self/status`. The peak is not below the current amount, though the kernel may count
    /// them at different moments.
    init(status: String) {
        let fields = ProcFile.kibibytes(status)
        current = fields["VmRSS"] ?? 0
        peak = max(fields["VmHWM"] ?? 0, current)
    }

    #if canImport(Darwin)
        private static func darwin() -> ProcessMemory {
            var info = rusage_info_v4()
            let status = withUnsafeMutablePointer(to: &info) { pointer in
                pointer.withMemoryRebound(to: rusage_info_t?.self, capacity: 1) {
                    proc_pid_rusage(getpid(), RUSAGE_INFO_V4, $0)
                }
            }
            guard status == 0 else { return ProcessMemory(current: 0, peak: 0) }
            let current = Int(clamping: info.ri_resident_size)
            var usage = rusage()
            // Bytes on macOS, unlike elsewhere.
            let peak = getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : 0
            return ProcessMemory(current: current, peak: max(peak, current))
        }
    #endif
}
