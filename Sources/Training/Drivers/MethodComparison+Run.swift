import Foundation
import Reporting

/// One run of a comparison.
extension MethodComparison {
    /// Steps of the trial that tells how long a step takes, and those at its beginning that do not count.
    private static let trialSteps = 12
    /// How often a running process is looked at.
    private static let interval = Duration.milliseconds(100)

    /// Runs a recipe in a process of its own, if the budget allows it.
    func run(_ plan: ComparisonPlan, _ say: (String) -> Void) async -> ComparedRun {
        do {
            return row(plan, try await outcome(plan, say))
        } catch {
            return row(plan, .failed(Self.sentence(error)))
        }
    }

    private func outcome(_ plan: ComparisonPlan, _ say: (String) -> Void) async throws -> ComparedRun.Status {
        var configuration = plan.configuration
        let folder = folder(plan.name)
        try folder.prepare(configuration, settings: plan.identity.settings)
        if budget.limitsSize {
            say("forecasting")
            // The set-up alone tells; what it took is given back when the run that never starts goes away.
            let forecast = try await TrainingRun(configuration, start: .overwrite).forecast
            if let excess = budget.excess(forecast) { return .overBudget(excess) }
        }
        if let seconds = budget.seconds {
            guard let perStep = try await trial(plan, say) else { return .interrupted }
            configuration.training.maxSteps = max(1, Int((seconds / perStep).rounded(.down)))
            try folder.writeRecipe(configuration)
        }
        return try await train(folder, settings: plan.identity.settings, say)
    }

    /// Seconds of a step, from a short training without evaluation; nil when it was stopped.
    private func trial(_ plan: ComparisonPlan, _ say: (String) -> Void) async throws -> Double? {
        let folder = ComparedFolder(url: folder(plan.name).url.appendingPathComponent("trial"))
        var configuration = plan.configuration
        configuration.outputDirectory = folder.url.relativePath
        configuration.training.maxSteps = Self.trialSteps
        configuration.training.loggingSteps = 1
        configuration.training.evalStrategy = .no
        configuration.training.saveStrategy = .no
        configuration.training.linearProbe = false
        configuration.training.loadBestModelAtEnd = false
        configuration.training.earlyStoppingPatience = nil
        (configuration.data.validationFile, configuration.data.testFile) = (nil, nil)
        configuration.data.validationSplit = 0
        try folder.prepare(configuration, settings: nil)
        let status = try await train(folder, settings: nil) { say("trial: \($0)") }
        switch status {
        case .finished(let result):
            guard result.stepSeconds > 0 else {
                throw TrainingError.option("the trial's steps took no time that could be measured")
            }
            try? FileManager.default.removeItem(at: folder.url)
            return result.stepSeconds
        case .failed(let reason): throw TrainingError.option("the trial failed: \(reason)")
        case .interrupted, .overBudget, .notRun: return nil
        }
    }

    /// Starts the process on the folder's recipe and waits for it.
    private func train(
        _ folder: ComparedFolder, settings: String?, _ say: (String) -> Void
    ) async throws -> ComparedRun.Status {
        guard !isStopped else { return .interrupted }
        let process = try TrainingProcess(program, in: folder)
        var line = ""
        while process.isRunning {
            let lines = folder.lastLines()
            // What is indented belongs to the summary at the end and says nothing of its own.
            if let newest = lines.last(where: { !$0.hasPrefix(" ") }), newest != line {
                line = newest
                say(line)
            }
            if isStopped { process.stop(hasBegun: !lines.isEmpty) }
            try await Task.sleep(for: Self.interval)
        }
        let seconds = process.seconds
        let report = try? RunReport(runFolder: folder.url)
        if process.fault == nil, let report, let result = ComparedResult(report, processSeconds: seconds) {
            try folder.write(ComparedFolder.Record(settings: settings, processSeconds: seconds))
            return .finished(result)
        }
        if isStopped || report?.summary?.outcome == .interrupted { return .interrupted }
        return .failed(reason(report, folder, process))
    }

    /// Why a process left no figures: in the run's own words, if it had any.
    private func reason(_ report: RunReport?, _ folder: ComparedFolder, _ process: TrainingProcess) -> String {
        let prefix = "error: "
        if let error = folder.lastLines().last(where: { $0.hasPrefix(prefix) || $0.hasPrefix("Error: ") }) {
            return String(error.dropFirst(prefix.count))
        }
        if case .failed(let reason)? = report?.summary?.outcome { return reason }
        let fault = process.fault ?? "the process left no result"
        let last = folder.lastLines().last.map { "; its last words: \($0)" } ?? ""
        return fault + last
    }

    /// Errors of Foundation describe themselves for programmers; their localised text is for people.
    static func sentence(_ error: any Error) -> String {
        if type(of: error) is NSError.Type || error is CocoaError || error is POSIXError {
            return error.localizedDescription
        }
        return "\(error)"
    }
}
