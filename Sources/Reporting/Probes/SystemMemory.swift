import Foundation

/// Memory of the machine, or of the container that limits this process, in bytes.
public struct SystemMemory: Sendable, Hashable {
    /// All of it.
    public var total: Int
    /// What can be taken without swapping, as far as the system says.
    public var available: Int

    /// States amounts.
    init(total: Int, available: Int) {
        self.total = total
        self.available = available
    }

    /// Measures the machine.
    public static func current() -> SystemMemory {
        #if os(Linux)
            SystemMemory(
                meminfo: ProcFile.read("/proc/meminfo"),
                limit: firstNumber(["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]),
                used: firstNumber(["/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"]))
        #else
            darwin()
        #endif
    }

    /// Reads the text of `/proc/meminfo` and applies the control group's limit, if there is one below the machine's
    /// memory (a group without a limit says `max` or an enormous number).
    init(meminfo: String, limit: Int?, used: Int?) {
        let fields = ProcFile.kibibytes(meminfo)
        total = fields["MemTotal"] ?? 0
        available = min(fields["MemAvailable"] ?? fields["MemFree"] ?? 0, total)
        if let limit, limit > 0, limit < total {
            total = limit
            available = min(available, max(limit - (used ?? 0), 0))
        }
    }

    private static func firstNumber(_ paths: [String]) -> Int? {
        for path in paths {
            if let number = Int(ProcFile.read(path).trimmingCharacters(in: .whitespacesAndNewlines)) { return number }
        }
        return nil
    }

    #if canImport(Darwin)
        /// Free, inactive and speculative pages can be taken.
        private static func darwin() -> SystemMemory {
            let total = Int(clamping: ProcessInfo.processInfo.physicalMemory)
            var pages = vm_statistics64()
            var count = mach_msg_type_number_t(
                MemoryLayout<vm_statistics64>.size / MemoryLayout<integer_t>.size)
            let status = withUnsafeMutablePointer(to: &pages) { pointer in
                pointer.withMemoryRebound(to: integer_t.self, capacity: Int(count)) {
                    host_statistics64(mach_host_self(), HOST_VM_INFO64, $0, &count)
                }
            }
            guard status == KERN_SUCCESS else { return SystemMemory(total: total, available: 0) }
            let free = Int(pages.free_count) + Int(pages.inactive_count) + Int(pages.speculative_count)
            return SystemMemory(total: total, available: min(free * Int(getpagesize()), total))
        }
    #endif
}
