import Foundation
import Reporting
import Torch

/// Settings of the engine that hold for the process.
public enum EngineSettings {
    /// Sets the threads of one operation and checks that the device is there.
    /// - Parameter threads: nil for what `OMP_NUM_THREADS` says, and without that the physical cores: two threads on one
    ///   core slow each other down in products of matrices.
    /// - Throws: `TrainingError` for a device that is not there.
    public static func apply(threads: Int?, device: Device) throws {
        if case .cuda(let index) = device {
            let count = try Engine.cudaDeviceCount()
            guard index < count else {
                throw TrainingError.option(
                    "device: \(device) is not there, libtorch sees \(count) CUDA devices; `graft doctor` tells more")
            }
        }
        if let threads {
            try Engine.setThreadCount(threads)
        } else if ProcessInfo.processInfo.environment["OMP_NUM_THREADS"] == nil {
            let cores = CPUDescription.current().physicalCores
            // Where the system does not tell the cores, the engine's own choice stays.
            if cores > 0 { try Engine.setThreadCount(cores) }
        }
    }
}
