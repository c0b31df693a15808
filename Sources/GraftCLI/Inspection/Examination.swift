import Backbones
import Foundation
import Methods
import Reporting
import Support
import Torch

/// What `graft doctor` finds. Whatever fails, the rest is still told.
struct Examination {
    private(set) var sections: [Section] = []
    /// Why the engine cannot be used.
    private(set) var problem: (any Error)?

    init(isVerbose: Bool, measuresCeiling: Bool = false) {
        do {
            sections.append(try Examination.engine(isVerbose: isVerbose, measuresCeiling: measuresCeiling))
        } catch {
            problem = error
            var section = Section("Engine")
            section.add("state", "not usable")
            sections.append(section)
        }
        sections += [Examination.machine(), Examination.knowledge()]
    }

    private static func engine(isVerbose: Bool, measuresCeiling: Bool) throws -> Section {
        var section = Section("Engine")
        section.add("libtorch", try Engine.version())
        section.add("library", try Engine.path())
        let description = try Engine.configuration()
        let facts = EngineFacts(description)
        section.add("BLAS", facts.blas)
        section.add("OpenMP", facts.openMP)
        section.add("vector units", facts.capability)
        section.add("threads", "\(try Engine.threadCount())")
        section.add("CUDA devices", "\(try Engine.cudaDeviceCount())")
        section.add("self-test", try SelfTest.run())
        if measuresCeiling { section.add("ceiling", try SelfTest.ceiling()) }
        if isVerbose {
            section.notes = description.split(separator: "\n").map { String($0).replacing("\t", with: "  ") }
        }
        return section
    }

    private static func machine() -> Section {
        let (cpu, memory) = (CPUDescription.current(), SystemMemory.current())
        var section = Section("Machine")
        section.add("system", ProcessInfo.processInfo.operatingSystemVersionString)
        section.add("processor", cpu.model)
        section.add("cores", cpu.physicalCores > 0 ? "\(cpu.physicalCores)" : "unknown")
        section.add("usable threads", "\(cpu.usableThreads)")
        section.add("units", cpu.units.map(\.rawValue).joined(separator: " "))
        section.add("bf16 in hardware", cpu.hasBFloat16 ? "yes" : "no")
        section.add("memory", "\(Quantity.bytes(memory.total)), \(Quantity.bytes(memory.available)) available")
        return section
    }

    private static func knowledge() -> Section {
        var section = Section("Graft \(GraftVersion.current)")
        // timm has a name per preset, which all are of one family.
        let presets = Backbones.modelTypes.filter { $0.contains("_patch") }
        section.add("model types", Backbones.modelTypes.filter { !$0.contains("_patch") }.joined(separator: " "))
        section.add("timm presets", presets.first.map { "\(presets.count): \($0) and others" })
        section.add("methods", MethodRegistry.all.map { $0.card.name }.joined(separator: " "))
        return section
    }
}

/// The few facts of libtorch's description of itself that decide how fast it is.
struct EngineFacts {
    private(set) var blas: String?
    private(set) var openMP: String?
    private(set) var capability: String?

    init(_ description: String) {
        for line in description.split(separator: "\n") {
            let text = line.trimmingCharacters(in: CharacterSet(charactersIn: " \t-"))
            if text.hasPrefix("CPU capability usage:") {
                capability = text.dropFirst("CPU capability usage:".count).trimmingCharacters(in: .whitespaces)
            } else if text.hasPrefix("OpenMP") {
                openMP = text
            } else if blas == nil, ["Intel(R) oneAPI Math", "Intel(R) MKL", "OpenBLAS"].contains(where: text.hasPrefix)
            {
                blas = text
            } else if let setting = EngineFacts.setting("BLAS_INFO", in: text), blas == nil {
                blas = setting
            }
        }
    }

    /// The value of `NAME=value` among settings that are separated by commas.
    private static func setting(_ name: String, in text: String) -> String? {
        guard let range = text.range(of: name + "=") else { return nil }
        return String(text[range.upperBound...].prefix { $0 != "," })
    }
}

/// A product of two matrices: proves that the engine computes, and says how fast.
enum SelfTest {
    private static let size = 1024
    /// Large enough that neither threads nor memory hold the product up.
    private static let ceilingSize = 4096

    static func run() throws -> String {
        try withoutGradients {
            let ones = try Tensor.ones([size, size])
            // A sum of `size` ones in every place, exactly.
            guard try ones.matmul(ones).eq(Double(size)).all() else {
                throw TorchError.operation(name: "the self-test", message: "a product of matrices gave wrong numbers")
            }
            return "passed, \(try rate(ones)) GFLOP/s in fp32"
        }
    }

    /// The rate of a large product: what no training on this machine can exceed.
    static func ceiling() throws -> String {
        try withoutGradients {
            let matrix = try Tensor.normal([ceilingSize, ceilingSize], key: RandomKey(seed: 0))
            return "\(try rate(matrix)) GFLOP/s in fp32, products of \(ceilingSize) × \(ceilingSize)"
        }
    }

    /// Operations of the fastest of five products of a square matrix with itself, in 10⁹ a second.
    private static func rate(_ matrix: Tensor) throws -> String {
        let size = Double(try matrix.shape[0])
        let clock = ContinuousClock()
        let durations = try (0..<5).map { _ in try clock.measure { _ = try matrix.matmul(matrix) } }
        let seconds = (durations.min() ?? .seconds(1)) / .seconds(1)
        return Quantity.number(2 * size * size * size / seconds / 1e9, digits: 3)
    }
}
