import Files
import Foundation
import Reporting
import Support

/// Several trainings under one budget, one after another, and their figures side by side.
///
/// Each run is a process of its own, because the peak of memory belongs to a process. What it leaves stands in
/// `runs/<name>` of the output folder; `comparison.json`, `comparison.md` and `comparison.html` are written anew after
/// every run, so that there is always what there is.
public final class MethodComparison: Sendable {
    /// A recipe: its name and its configuration, or why there is none.
    public struct Recipe: Sendable {
        /// The name; the run's folder has it.
        public var name: String
        /// The configuration; its output folder does not matter.
        public var configuration: Result<TrainingConfiguration, any Error>

        /// Names a recipe.
        public init(name: String, configuration: Result<TrainingConfiguration, any Error>) {
            self.name = name
            self.configuration = configuration
        }
    }

    /// What a comparison says of itself while it goes on.
    public enum Event: Sendable {
        /// A recipe cannot be read and will not run.
        case unreadable(name: String, reason: String, place: Int, count: Int)
        /// The run's turn has come.
        case started(name: String, place: Int, count: Int)
        /// The newest line of the run's own log.
        case progress(name: String, place: Int, count: Int, line: String)
        /// The run has figures, or will have none. `isReused` where they are of an earlier comparison.
        case ended(ComparedRun, place: Int, count: Int, isReused: Bool)
    }

    let recipes: [Recipe]
    let budget: ComparisonBudget
    let output: String
    let program: URL
    private let start: TrainingRun.Start
    private let flag = StopFlag()

    /// Checks everything that can be checked without training.
    ///
    /// - Parameters:
    ///   - output: folder for the comparison and, below `runs`, for its runs.
    ///   - program: the command `graft`, which trains.
    ///   - start: what to do with a folder that holds a comparison; `resume` keeps the runs that have come to their end
    ///     with the same settings and begins the others anew.
    /// - Throws: `TrainingError` for names that cannot be folders, a budget that cannot be, and an output folder with
    ///   something else in it.
    public init(
        _ recipes: [Recipe], budget: ComparisonBudget, output: String, program: URL, start: TrainingRun.Start = .new
    ) throws {
        (self.recipes, self.budget, self.output, self.program, self.start) = (recipes, budget, output, program, start)
        try budget.validate()
        if recipes.isEmpty { throw TrainingError.option("name at least one recipe to compare") }
        try requireNames()
        try requireFolder()
    }

    /// Ends the comparison: the run in progress ends after its step.
    public func stop() { flag.set() }

    var isStopped: Bool { flag.isSet }

    /// Names become folders, some of them on file systems that take capitals and small letters for the same.
    private func requireNames() throws {
        var seen: Set<String> = []
        for name in recipes.map(\.name) {
            let isFolderName = !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
            guard isFolderName else {
                throw TrainingError.option("a recipe cannot be called `\(name)`: rename its file")
            }
            guard seen.insert(name.lowercased()).inserted else {
                throw TrainingError.option(
                    "two recipes are called `\(name)`: rename one, each run has a folder of its name")
            }
        }
    }

    private func requireFolder() throws {
        let folder = URL(fileURLWithPath: output)
        let holdsComparison = ComparisonReport.fileNames.contains {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
        }
        if case .new = start, holdsComparison {
            throw TrainingError.files(
                "\(output) already holds a comparison; continue it with --resume, replace it with --overwrite, or name "
                    + "another folder")
        }
        for recipe in recipes where self.folder(recipe.name).isForeign {
            throw TrainingError.files(
                "\(self.folder(recipe.name).url.path) holds something that is no run of a comparison; move it away or "
                    + "name another output folder")
        }
        try OutputFolder(folder).check(.resume)
    }

    func folder(_ name: String) -> ComparedFolder {
        ComparedFolder(url: URL(fileURLWithPath: "\(output)/runs/\(name)"))
    }

    /// Runs what there is to run. Errors of single runs stand in their rows.
    ///
    /// - Throws: what keeps the comparison itself from being written.
    public func run(_ observe: @Sendable (Event) -> Void = { _ in }) async throws -> ComparisonReport {
        let lock = try OutputFolder(URL(fileURLWithPath: output)).lockOnly()
        defer { withExtendedLifetime(lock) {} }
        var draft = Draft(self)
        let (count, plans) = (recipes.count, draft.plans)
        for (place, recipe) in draft.unreadable {
            observe(.unreadable(name: recipe.name, reason: recipe.reason, place: place, count: count))
        }
        for (place, plan) in plans {
            guard !isStopped else { break }
            observe(.started(name: plan.name, place: place, count: count))
            let reused = reusable(plan)
            let run: ComparedRun
            if let reused {
                run = reused
            } else {
                run = await self.run(plan) {
                    observe(.progress(name: plan.name, place: place, count: count, line: $0))
                }
            }
            draft.runs[plan.name] = run
            observe(.ended(run, place: place, count: count, isReused: reused != nil))
            try draft.report.write(to: URL(fileURLWithPath: output))
        }
        let report = draft.report
        try report.write(to: URL(fileURLWithPath: output))
        return report
    }

    /// What an earlier comparison found out with the same settings, if that is to be kept.
    private func reusable(_ plan: ComparisonPlan) -> ComparedRun? {
        guard case .resume = start, let settings = plan.identity.settings,
            let (result, forecast) = folder(plan.name).finished(settings: settings)
        else { return nil }
        if let excess = forecast.flatMap(budget.excess) { return row(plan, .overBudget(excess)) }
        return row(plan, .finished(result))
    }

    func row(_ plan: ComparisonPlan, _ status: ComparedRun.Status) -> ComparedRun {
        var run = ComparedRun(
            name: plan.name, method: plan.method, folder: "runs/\(plan.name)", settingsDigest: plan.identity.settings,
            choices: plan.choices, status: status)
        if case .finished(let result) = status { run.notes = budget.notes(result) }
        return run
    }
}

/// What a comparison has found out so far.
private struct Draft {
    /// Recipes that can be run, with their places among all, counted from 1.
    let plans: [(place: Int, plan: ComparisonPlan)]
    var runs: [String: ComparedRun] = [:]
    private let comparison: MethodComparison
    let unreadable: [(place: Int, recipe: ComparisonReport.Unreadable)]

    init(_ comparison: MethodComparison) {
        self.comparison = comparison
        var plans: [(place: Int, plan: ComparisonPlan)] = []
        var unreadable: [(place: Int, recipe: ComparisonReport.Unreadable)] = []
        var known: [String: String] = [:]
        for (place, recipe) in comparison.recipes.enumerated() {
            do {
                let plan = try ComparisonPlan(
                    name: recipe.name, recipe.configuration.get(), comparison.budget,
                    output: comparison.folder(recipe.name).url.relativePath, known: &known)
                plans.append((place + 1, plan))
            } catch {
                let reason = ComparisonReport.Unreadable(name: recipe.name, reason: MethodComparison.sentence(error))
                unreadable.append((place + 1, reason))
            }
        }
        (self.plans, self.unreadable) = (plans, unreadable)
    }

    /// All that is known, sorted into groups in the order of the recipes.
    var report: ComparisonReport {
        var groups: [(key: [String], plans: [ComparisonPlan])] = []
        for (_, plan) in plans {
            if let place = groups.firstIndex(where: { $0.key == plan.group }) {
                groups[place].plans.append(plan)
            } else {
                groups.append((plan.group, [plan]))
            }
        }
        return ComparisonReport(
            budget: comparison.budget.phrases, groups: groups.map { group($0.plans) },
            unreadable: unreadable.map(\.recipe),
            graft: GraftVersion.current)
    }

    private func group(_ plans: [ComparisonPlan]) -> ComparisonGroup {
        let first = plans.first?.configuration
        return ComparisonGroup(
            task: first?.task.rawValue ?? "", model: first?.model ?? "", data: first?.data.trainFile ?? "",
            runs: plans.map { runs[$0.name] ?? comparison.row($0, .notRun) },
            unequalSettings: ComparisonPlan.differences(plans))
    }
}

/// A flag that any thread may set.
private final class StopFlag: @unchecked Sendable {
    // Unchecked: the value is behind the lock.
    private let lock = NSLock()
    private var value = false

    var isSet: Bool { lock.withLock { value } }

    func set() { lock.withLock { value = true } }
}
