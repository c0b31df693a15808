import Foundation
import Testing

@testable import Reporting

@Suite("Probes")
struct ProbeTests {
    @Test("this process has memory, and what it touches shows")
    func process() {
        let before = ProcessMemory.measure()
        #expect(before.current > 1 << 20)
        #expect(before.peak >= before.current)
        let bytes = [UInt8](repeating: 1, count: 64 << 20)
        let after = ProcessMemory.measure()
        #expect(bytes.last == 1)
        #expect(after.peak >= 64 << 20)
    }

    @Test("the kernel's words are read, odd lines passed over")
    func status() {
        let memory = ProcessMemory(status: "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t1024 kB\nVmData: many kB\n:\n")
        #expect(memory == ProcessMemory(current: 1 << 20, peak: 2 << 20))
        #expect(ProcessMemory(status: "VmRSS: 4 kB\nVmHWM: 2 kB") == ProcessMemory(current: 4096, peak: 4096))
        #expect(ProcessMemory(status: "") == ProcessMemory(current: 0, peak: 0))
        #expect(ProcessMemory(status: "VmRSS: 9223372036854775807 kB\nVmHWM: -3 kB").current == 0)
    }

    @Test("a container's limit counts, no limit does not")
    func system() {
        let text = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 800 kB\n"
        func memory(_ limit: Int?, _ used: Int?) -> [Int] {
            let memory = SystemMemory(meminfo: text, limit: limit, used: used)
            return [memory.total, memory.available]
        }
        #expect(memory(nil, nil) == [1_024_000, 819_200])
        #expect(memory(.max, 5) == [1_024_000, 819_200])
        #expect(memory(500_000, 100_000) == [500_000, 400_000])
        #expect(memory(500_000, 600_000) == [500_000, 0])
        let machine = SystemMemory.current()
        #expect(machine.total > 64 << 20)
        #expect((0...machine.total).contains(machine.available))
    }

    @Test("an x86 processor is described")
    func x86() {
        let info = """
            processor\t: 0
            model name\t: Example CPU @ 2.50GHz
            physical id\t: 0
            core id\t\t: 0
            flags\t\t: fpu avx2 avx512f avx512bw avx512dq avx512vl avx512_bf16

            processor\t: 1
            model name\t: Example CPU @ 2.50GHz
            physical id\t: 0
            core id\t\t: 0
            flags\t\t: fpu avx2

            processor\t: 2
            physical id\t: 1
            core id\t\t: 0
            """
        let cpu = CPUDescription(cpuinfo: info, usableThreads: 3)
        #expect(cpu.summary == "Example CPU @ 2.50GHz, 2 cores, 3 threads, avx2 avx512 avx512-bf16")
        #expect(cpu.hasBFloat16)
    }

    @Test("an ARM processor, and none, are described")
    func arm() {
        let cpu = CPUDescription(cpuinfo: "processor : 0\nFeatures : fp asimd sve bf16\n", usableThreads: 1)
        #expect(cpu.summary == "unknown processor, 1 thread, neon sve bf16")
        #expect(CPUDescription(cpuinfo: "", usableThreads: 2).units.isEmpty)
        #expect(CPUDescription.current().usableThreads > 0)
    }
}
