import ArgumentParser
import Torch
import Training

/// Where and with how many threads a command computes.
struct EngineOptions: ParsableArguments {
    @Option(help: "cpu, cuda or cuda:<index>.")
    var device = "cpu"

    @Option(help: "Threads of one operation; by default the machine's cores.")
    var threads: Int?

    /// Sets the threads and names the device.
    func apply() throws -> Device {
        let device = try Device(device)
        try EngineSettings.apply(threads: threads, device: device)
        return device
    }
}
