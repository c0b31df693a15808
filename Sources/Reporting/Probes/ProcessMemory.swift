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
            var info = mach_task_basic_info()
            var count = mach_msg_type_number_t(
                MemoryLayout<mach_task_basic_info>.size / MemoryLayout<natural_t>.size)
            let status = withUnsafeMutablePointer(to: &info) { pointer in
                pointer.withMemoryRebound(to: integer_t.self, capacity: Int(count)) {
                    task_info(mach_task_self_, task_flavor_t(MACH_TASK_BASIC_INFO), $0, &count)
                }
            }
            guard status == KERN_SUCCESS else { return ProcessMemory(current: 0, peak: 0) }
            return ProcessMemory(current: Int(info.resident_size), peak: Int(info.resident_size_max))
        }
    #endif
}
