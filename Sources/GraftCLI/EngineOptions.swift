import ArgumentParser
import Reporting
import Torch

/// Where and with how many threads a command computes.
struct EngineOptions: ParsableArguments {
    @Option(help: "cpu, cuda or cuda:<index>.")
    var device = "cpu"

    @Option(help: "Threads of one operation; by default the machine's cores.")
    var threads: Int?

    /// Sets the threads and names the device.
    func apply() throws -> Device {
        let cores = CPUDescription.current().physicalCores
        if let count = threads ?? (cores > 0 ? cores : nil) { try Engine.setThreadCount(count) }
        let device = try Device(device)
        if case .cuda(let index) = device {
            let count = try Engine.cudaDeviceCount()
            guard index < count else {
                throw TorchError.invalid(
                    "--device: \(device) is not there, libtorch sees \(count) CUDA devices; `graft doctor` tells more")
            }
        }
        return device
    }
}
