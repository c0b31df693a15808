import Foundation

/// The processor, as far as it decides how fast training is.
public struct CPUDescription: Sendable, Hashable {
    /// Units that speed up matrix products.
    public enum Unit: String, Sendable, Hashable, CaseIterable {
        /// 256-bit vectors of x86.
        case avx2
        /// 512-bit vectors of x86.
        case avx512
        /// bfloat16 products in AVX-512.
        case avx512BF16 = "avx512-bf16"
        /// Tiles of x86, with bfloat16 products.
        case amx
        /// 128-bit vectors of ARM.
        case neon
        /// Scalable vectors of ARM.
        case sve
        /// bfloat16 products of ARM.
        case bf16
    }

    /// The model's name; empty where the system does not say.
    public var model: String
    /// Cores of the machine; 0 where the system does not say.
    public var physicalCores: Int
    /// Hardware threads that this process may use.
    public var usableThreads: Int
    /// The units that it has.
    public var units: [Unit]

    /// Whether products of bfloat16 numbers run in hardware.
    public var hasBFloat16: Bool { units.contains { $0 == .avx512BF16 || $0 == .amx || $0 == .bf16 } }

    /// One line: `AMD EPYC, 4 cores, 4 threads, avx2 avx512 avx512-bf16`.
    public var summary: String {
        var parts = [model.isEmpty ? "unknown processor" : model]
        if physicalCores > 0 { parts.append("\(physicalCores) core\(physicalCores == 1 ? "" : "s")") }
        parts.append("\(usableThreads) thread\(usableThreads == 1 ? "" : "s")")
        if !units.isEmpty { parts.append(units.map(\.rawValue).joined(separator: " ")) }
        return parts.joined(separator: ", ")
    }

    /// Asks the system.
    public static func current() -> CPUDescription {
        #if os(Linux)
            CPUDescription(
                cpuinfo: ProcFile.read("/proc/cpuinfo"), usableThreads: ProcessInfo.processInfo.activeProcessorCount)
        #else
            darwin()
        #endif
    }

    /// Reads the text of `/proc/cpuinfo`.
    init(cpuinfo: String, usableThreads: Int) {
        self.usableThreads = usableThreads
        var model = ""
        var flags: Set<Substring> = []
        var cores: Set<[Substring]> = []
        var package: Substring = ""
        for line in cpuinfo.split(separator: "\n") {
            guard let (name, value) = ProcFile.field(line) else { continue }
            switch name {
            case "model name" where model.isEmpty: model = String(value)
            // Every processor repeats the list; the first stands for all.
            case "flags" where flags.isEmpty, "Features" where flags.isEmpty:
                flags = Set(value.split(separator: " "))
            case "physical id": package = value
            case "core id": cores.insert([package, value])
            default: break
            }
        }
        self.model = model
        physicalCores = cores.count
        units = Unit.allCases.filter { $0.linuxFlags.isSubset(of: flags) }
    }

    #if canImport(Darwin)
        private static func darwin() -> CPUDescription {
            var description = CPUDescription(cpuinfo: "", usableThreads: ProcessInfo.processInfo.activeProcessorCount)
            description.model = text("machdep.cpu.brand_string")
            description.physicalCores = integer("hw.physicalcpu")
            description.units = Unit.allCases.filter { unit in
                unit.darwinNames.contains { integer($0) == 1 }
            }
            return description
        }

        private static func integer(_ name: String) -> Int {
            var value: Int64 = 0
            var size = MemoryLayout<Int64>.size
            return sysctlbyname(name, &value, &size, nil, 0) == 0 ? Int(value) : 0
        }

        private static func text(_ name: String) -> String {
            var size = 0
            guard sysctlbyname(name, nil, &size, nil, 0) == 0, size > 0 else { return "" }
            var bytes = [UInt8](repeating: 0, count: size)
            guard sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return "" }
            return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    #endif
}

extension CPUDescription.Unit {
    /// The kernel's names of all that the unit takes.
    fileprivate var linuxFlags: Set<Substring> {
        switch self {
        case .avx2: ["avx2"]
        case .avx512: ["avx512f", "avx512bw", "avx512dq", "avx512vl"]
        case .avx512BF16: ["avx512_bf16"]
        case .amx: ["amx_tile", "amx_bf16"]
        case .neon: ["asimd"]
        case .sve: ["sve"]
        case .bf16: ["bf16"]
        }
    }

    #if canImport(Darwin)
        /// Names of which one says that the unit is there.
        fileprivate var darwinNames: [String] {
            switch self {
            case .avx2: ["hw.optional.avx2_0"]
            case .avx512: ["hw.optional.avx512f"]
            case .avx512BF16, .amx, .sve: []
            case .neon: ["hw.optional.neon", "hw.optional.AdvSIMD"]
            case .bf16: ["hw.optional.arm.FEAT_BF16"]
            }
        }
    #endif
}
