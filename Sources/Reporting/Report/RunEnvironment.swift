import Foundation
import JSON

/// Where and with what a run took place.
public struct RunEnvironment: Sendable, Hashable {
    /// Version of this program.
    public var graft: String
    /// Name and version of the engine, `libtorch 2.13.0` for example.
    public var engine: String
    /// The processor.
    public var cpu: String
    /// Threads that the engine computes with.
    public var threads: Int
    /// Memory of the machine or its container, in bytes.
    public var memoryBytes: Int
    /// Name and version of the operating system.
    public var system: String
    /// When the run began, in ISO 8601 with the zone.
    public var startedAt: String

    /// States an environment.
    public init(
        graft: String, engine: String, cpu: String, threads: Int, memoryBytes: Int, system: String, startedAt: String
    ) {
        self.graft = graft
        self.engine = engine
        self.cpu = cpu
        self.threads = threads
        self.memoryBytes = memoryBytes
        self.system = system
        self.startedAt = startedAt
    }

    /// The environment of this process at this moment.
    public static func current(graft: String, engine: String, threads: Int) -> RunEnvironment {
        RunEnvironment(
            graft: graft, engine: engine, cpu: CPUDescription.current().summary, threads: threads,
            memoryBytes: SystemMemory.current().total,
            system: ProcessInfo.processInfo.operatingSystemVersionString,
            startedAt: Date.now.formatted(.iso8601))
    }

    var json: JSON {
        [
            "graft": .string(graft), "engine": .string(engine), "cpu": .string(cpu), "threads": JSON(threads),
            "memory_bytes": JSON(memoryBytes), "system": .string(system), "started_at": .string(startedAt),
        ]
    }

    init(_ node: JSON.Node) throws {
        self.init(
            graft: try node.field("graft").string(), engine: try node.field("engine").string(),
            cpu: try node.field("cpu").string(), threads: try node.field("threads").count(),
            memoryBytes: try node.field("memory_bytes").count(), system: try node.field("system").string(),
            startedAt: try node.field("started_at").string())
    }
}
