import Foundation
import JSON
import Testing

@testable import Reporting

@Suite("Comparisons")
struct ComparisonReportTests {
    private func run(
        _ name: String, _ method: String = "other", accuracy: Double, parameters: Int = 1000, memory: Int = 500 << 20,
        seconds: Double = 0.25
    ) throws -> ComparedRun {
        var report = RunReport(description: Samples.description(), environment: Samples.environment)
        for step in 1...4 { report.consume(.step(Samples.step(step, seconds: seconds))) }
        var summary = Samples.summary()
        summary.metrics["accuracy"] = accuracy
        summary.trainableParameters = parameters
        summary.peakMemoryBytes = memory
        summary.classes = [ClassResult(name: "a", support: 1000, precision: 1, recall: 1, f1: 1)]
        report.consume(.finished(summary))
        let result = try #require(ComparedResult(report, processSeconds: 9))
        return ComparedRun(
            name: name, method: method, folder: "runs/\(name)", settingsDigest: "sha256:0123456789abcdef",
            status: .finished(result))
    }

    private func group(_ runs: [ComparedRun]) -> ComparisonGroup {
        ComparisonGroup(task: "classification", model: "models/m", data: "data/train.jsonl", runs: runs)
    }

    @Test("figures come from a run's records")
    func figures() throws {
        let result = try #require(try run("a", accuracy: 0.5).result)
        #expect(result.trainingSeconds == 1)
        #expect(result.stepSeconds == 0.25)
        #expect(result.linearProbe?["accuracy"] == 0.3621)
        #expect(result.evaluatedRows == 1000)
        #expect(result.split == "validation")
        var report = RunReport(description: Samples.description())
        report.consume(.finished(Samples.summary(.interrupted)))
        #expect(ComparedResult(report, processSeconds: nil) == nil)
    }

    @Test("the time of a step is the median, also where a record stands for several")
    func stepSeconds() {
        var report = RunReport(description: Samples.description())
        #expect(report.medianStepSeconds == nil)
        for (step, seconds) in [(1, 9.0), (3, 2), (5, 4)] {
            report.consume(.step(Samples.step(step, seconds: seconds)))
        }
        #expect(report.medianStepSeconds == 2)
    }

    @Test("a recipe called like the reference's method stands before better variants of it")
    func reference() throws {
        let runs = [
            try run("dora", "lora", accuracy: 0.8), try run("lora", "lora", accuracy: 0.7),
            try run("other", accuracy: 0.9),
        ]
        #expect(group(runs).reference("lora")?.name == "lora")
        #expect(group([runs[0], runs[2]]).reference("lora")?.name == "dora")
        #expect(group(runs).verdicts(runs[0]).first == "beats LoRA")
        #expect(group(runs).reference("full") == nil)
    }

    @Test("runs are told plainly where they lose")
    func verdicts() throws {
        let runs = [
            try run("weak", "lora", accuracy: 0.5), try run("strong", "lora", accuracy: 0.7, parameters: 900),
            try run("good", accuracy: 0.9, parameters: 2000), try run("near", accuracy: 0.69, parameters: 800),
            try run("bad", accuracy: 0.1),
        ]
        let group = group(runs)
        #expect(group.difference(runs[1], to: "lora") == nil)
        #expect(group.verdicts(runs[1]) == ["the LoRA that the others are measured by"])
        #expect(group.verdicts(runs[0]).first == "loses to LoRA")
        #expect(group.verdicts(runs[2]) == ["beats LoRA"])
        #expect(group.verdicts(runs[3]) == ["loses to LoRA, within chance"])
        #expect(
            group.verdicts(runs[4]) == [
                "loses to LoRA", "loses to the linear probe", "weak does no worse at no higher cost",
            ])
        #expect(group.front(.parameters) == ["near", "strong", "good"])
        #expect(group.best?.name == "good")
    }

    @Test("nobody is on a front for what a measurement cannot tell")
    func noise() throws {
        let runs = [
            try run("a", accuracy: 0.5, memory: 500 << 20, seconds: 0.2500),
            try run("b", accuracy: 0.4, memory: (500 << 20) - 4096, seconds: 0.2499),
        ]
        #expect(group(runs).front(.memory) == ["a"])
        #expect(group(runs).front(.time) == ["a"])
        #expect(group(runs).dominator(of: runs[1])?.name == "a")
        #expect(group(runs).dominator(of: runs[0]) == nil)
    }

    @Test("the table begins with the best and ends with those without figures")
    func order() throws {
        let failed = ComparedRun(name: "f", method: "other", folder: "runs/f", status: .failed("it broke"))
        let runs = [
            failed, try run("b", accuracy: 0.5), try run("nan", accuracy: .nan), try run("a", accuracy: 0.7),
            try run("c", accuracy: 0.5),
        ]
        #expect(ComparisonTable(group(runs)).rows.map(\.run.name) == ["a", "b", "c", "f", "nan"])
    }

    @Test("columns that no row fills are left out, rows without figures stay")
    func table() throws {
        let failed = ComparedRun(name: "f", method: "other", folder: "runs/f", status: .failed("it broke"))
        let table = ComparisonTable(group([try run("a", accuracy: 0.5), failed]))
        let titles = table.columns.map(\.title)
        #expect(titles.contains("accuracy on validation"))
        #expect(!titles.contains("to LoRA"))
        #expect(table.rows[1].remarks == ["failed: it broke"])
        #expect(table.rows[0].remarks.isEmpty)
        #expect(table.rows[1].cells.dropFirst(2).joined().isEmpty)
    }

    @Test("a page shows names as they are written and leads to the runs")
    func page() throws {
        let evil = "<b>|`a`\u{1B}[2J"
        var report = ComparisonReport(
            budget: ["30 optimizer steps each"],
            groups: [group([try run(evil, accuracy: 0.5), try run("a:b c", "lora", accuracy: 0.25, parameters: 5)])],
            unreadable: [.init(name: "<i>", reason: "line 1\n| x |")], graft: "0")
        report.groups[0].unequalSettings = ["seed differs: 1 (a), <2> (b)"]
        let html = report.html()
        #expect(!html.contains("<b>|"))
        #expect(!html.contains("\u{1B}"))
        #expect(!html.contains("<2>"))
        #expect(html.contains("href=\"runs/a%3Ab%20c/report.html\""))
        #expect(html.contains("Accuracy against trainable parameters"))
        #expect(html.contains("<path class=\"front\""))
        #expect(report.markdown.contains("\\<b\\>\\|\\`a\\`"))
        #expect(report.markdown.contains("line 1 \\| x \\|"))
        #expect(report.hasFailures)
        let read = try JSON.Node(JSON.parse(report.json.serialized()))
        let first = try read.field("groups").elements()[0].field("runs").elements()[0]
        #expect(try first.field("recipe").string() == evil)
        #expect(try first.field("difference_to_lora").double() == 0.25)
    }

    @Test("a comparison without a figure is a page, too")
    func empty() {
        let run = ComparedRun(name: "a", method: "lora", folder: "runs/a", status: .notRun)
        let report = ComparisonReport(budget: [], groups: [group([run])], graft: "0")
        #expect(report.sentence == "No run has figures.")
        #expect(report.html().contains("not run"))
        #expect(report.isUnfinished)
        #expect(!report.html().contains("<figure"))
    }

    @Test("a group with different metrics or machines says so")
    func warnings() throws {
        var other = try run("b", accuracy: 0.5)
        guard case .finished(var result) = other.status else { return }
        result.mainMetric = MainMetric("loss", greaterIsBetter: false)
        result.environment?.threads = 1
        other.status = .finished(result)
        let group = group([try run("a", accuracy: 0.5), other])
        #expect(group.metric?.name == "accuracy")
        #expect(group.warnings.count == 2)
        #expect(group.warnings[0].contains("accuracy, loss"))
    }

    @Test(
        "costs of any size make an axis with readable ticks",
        arguments: [
            ([35_757, 22_700_000], ["100 k", "1 M", "10 M"]),
            ([100, 3000], ["100", "300", "1,000", "3,000"]),
            ([5, 6], ["5.00", "5.25", "5.50", "5.75", "6.00"]),
        ] as [([Double], [String])])
    func axis(costs: [Double], labels: [String]) {
        let isLarge = (costs.max() ?? 0) > 10_000
        let axis = Axis(costs: costs, format: isLarge ? { Quantity.roundCount(Int($0)) } : nil)
        #expect(axis.ticks.map(\.label) == labels)
        for tick in axis.ticks { #expect((-1e-9...1 + 1e-9).contains(axis.position(tick.value))) }
    }

    @Test(
        "any costs make an axis",
        arguments: [[], [0], [.nan], [0, 1e18], [1e-300, 1e300], [-1, 5], [Double.greatestFiniteMagnitude, 1]]
            as [[Double]])
    func anyCosts(_ costs: [Double]) {
        let axis = Axis(costs: costs, format: nil)
        #expect(axis.lower < axis.upper)
        #expect(axis.ticks.count < 20)
    }

    @Test("names cover neither each other nor the points")
    func labels() {
        var layout = LabelLayout(points: [(50, 50), (52, 52), (290, 20)], width: 300, height: 100)
        let first = layout.place("first", at: 0)
        let second = layout.place("second", at: 1)
        #expect(first != nil && second != nil)
        #expect(first != second)
        #expect(layout.place("a name near the right end", at: 2)?.anchor == "end")
        #expect(layout.place(String(repeating: "x", count: 80), at: 2) == nil)
    }
}
