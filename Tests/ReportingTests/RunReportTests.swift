import Testing

@testable import Reporting

@Suite("Report")
struct RunReportTests {
    static func report(steps: Int = 20, outcome: RunOutcome? = .completed) -> RunReport {
        var report = RunReport(
            description: Samples.description(), configuration: "r: 8\n", environment: Samples.environment)
        report.consume(.evaluation(Samples.evaluation(0, accuracy: 0.02)))
        if steps > 0 { for step in 1...steps { report.consume(.step(Samples.step(step))) } }
        report.consume(.evaluation(Samples.evaluation(20, accuracy: 0.7)))
        if let outcome { report.consume(.finished(Samples.summary(outcome))) }
        return report
    }

    @Test("the first sentence says how it ended")
    func sentences() {
        func sentence(_ outcome: RunOutcome?) -> String { Self.report(outcome: outcome).sentence }
        let subject = "Training lora on all-MiniLM-L6-v2"
        #expect(
            sentence(.completed)
                == "\(subject) reached accuracy 0.721 in 2 min 42 s, 0.359 above the linear probe.")
        #expect(
            sentence(.stoppedEarly)
                == "\(subject) reached accuracy 0.721 and stopped early after 500 of 500 steps, "
                + "0.359 above the linear probe.")
        #expect(sentence(.interrupted) == "\(subject) was interrupted after 500 of 500 steps, with accuracy 0.721.")
        #expect(sentence(.failed("It broke.")) == "\(subject) failed after 500 of 500 steps: It broke.")
        #expect(sentence(nil) == "\(subject) has not ended; 20 of 500 steps are recorded.")
    }

    @Test("a run that went back to a checkpoint has each step once, as it was last")
    func takenBack() {
        var report = Self.report(steps: 8, outcome: nil)
        for step in 6...7 { report.consume(.step(Samples.step(step, loss: 0.25))) }
        #expect(report.steps.map(\.step) == Array(1...7))
        #expect(report.steps.map(\.loss) == [Double](repeating: 1.5, count: 5) + [0.25, 0.25])
    }

    @Test("a diverged run names the step and marks it")
    func diverged() {
        var report = Self.report(outcome: .diverged)
        report.consume(.step(Samples.step(21, loss: .nan)))
        #expect(report.sentence.contains("diverged at step 21"))
        #expect(report.html().contains("not a number, step 21"))
    }

    @Test("nothing from outside becomes markup")
    func escaped() {
        let attack = "<script>alert('x')</script>\"&\u{1B}"
        var report = Self.report()
        report.description.model = attack
        report.description.method = attack
        report.description.task = attack
        report.description.device = attack
        report.description.outputFolder = attack
        report.description.forecast?.memoryParts[0].name = attack
        report.configuration = attack
        report.environment?.cpu = attack
        report.consume(.warning(RunWarning(code: attack, message: attack)))
        var evaluation = Samples.evaluation(20, accuracy: 0.5)
        evaluation.split = attack
        evaluation.metrics[attack] = 1
        report.consume(.evaluation(evaluation))
        var summary = Samples.summary(.failed(attack))
        summary.metrics[attack] = 2
        summary.baselines.append(Baseline(name: attack, metrics: ["accuracy": 0.1]))
        summary.classes[0].name = attack
        summary.confusions[0].label = attack
        summary.confusions[0].prediction = attack
        summary.files[0] = RunFile(label: attack, path: attack)
        summary.nextCommands[0] = NextCommand(purpose: attack, command: attack)
        report.consume(.finished(summary))
        let html = report.html()
        #expect(!html.contains("<script"))
        #expect(!html.contains("alert('"))
        #expect(!html.contains("\u{1B}"))
        #expect(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\u{FFFD}"))
    }

    @Test("the page needs nothing from elsewhere and no script")
    func selfContained() {
        let html = Self.report().html()
        for word in ["http:", "https:", "url(", "@import", "<script", "<link", "<img", "src="] {
            #expect(!html.contains(word), "\(word)")
        }
    }

    @Test("tags are balanced")
    func balanced() {
        for report in [Self.report(), Self.report(steps: 0, outcome: nil), Self.report(steps: 1, outcome: .diverged)] {
            var open: [Substring] = []
            for tag in report.html().matches(of: /<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/) {
                if ["meta", "circle", "line", "path"].contains(tag.2), tag.1.isEmpty, tag.2 == "meta" || tag.3 == "/" {
                    continue
                }
                if tag.1.isEmpty {
                    if tag.3.isEmpty { open.append(tag.2) }
                } else {
                    #expect(open.popLast() == tag.2)
                }
            }
            #expect(open.isEmpty)
        }
    }

    @Test("damaged or strange records are drawn without a crash")
    func strange() {
        var report = Self.report(steps: 0)
        for step in [9, 3, 3, 1 << 40, 0] {
            var record = Samples.step(step, loss: step == 3 ? .nan : 1e300)
            record.seconds = step == 9 ? 0 : -.infinity
            record.epoch = .nan
            record.tokens = 1 << 53
            record.memoryBytes = .max
            report.consume(.step(record))
        }
        report.evaluations.append(EvaluationRecord(step: 5, epoch: .nan, metrics: [:], seconds: .nan))
        report.description.epochs = .infinity
        report.description.forecast?.steps = 0
        #expect(report.html().contains("</html>"))
        #expect(RunReport(description: Samples.description()).html().contains("</html>"))
    }

    @Test("a classification's many classes are there, those beyond the first screens folded")
    func manyClasses() {
        var report = Self.report()
        report.summary?.classes = (0..<100).map {
            ClassResult(name: "class \($0)", support: $0, precision: 0, recall: 0, f1: .nan)
        }
        let html = report.html()
        #expect(html.contains("40 more classes"))
        #expect(html.contains("class 0<") && html.contains("class 99<"))
    }

    @Test("the best evaluation is the best number, not the last, and never NaN")
    func best() {
        var report = Self.report(steps: 0, outcome: nil)
        report.evaluations = [0.9, 0.5, 0.7, .nan].enumerated().map {
            Samples.evaluation($0.offset, accuracy: $0.element)
        }
        let metric = report.headlineMetric
        #expect(metric == MainMetric("accuracy", greaterIsBetter: true))
        #expect(metric.flatMap(report.bestEvaluation)?.step == 2)
        report.description.mainMetric = MainMetric("eval_accuracy", greaterIsBetter: false)
        #expect(report.headlineMetric.flatMap(report.bestEvaluation)?.step == 1)
    }

    @Test("without a chosen metric the first that is not the loss is shown")
    func headline() {
        var report = RunReport(description: Samples.description())
        report.description.mainMetric = nil
        #expect(report.headlineMetric == nil)
        report.consume(.evaluation(EvaluationRecord(step: 1, epoch: 1, metrics: ["loss": 1], seconds: 1)))
        #expect(report.headlineMetric == MainMetric("loss", greaterIsBetter: false))
        report.consume(
            .evaluation(EvaluationRecord(step: 2, epoch: 1, metrics: ["loss": 1, "perplexity": 2], seconds: 1)))
        #expect(report.headlineMetric == MainMetric("perplexity", greaterIsBetter: false))
    }

    @Test("a metric's order is by value, with NaN last")
    func preference() {
        let higher = MainMetric("accuracy", greaterIsBetter: true)
        let lower = MainMetric("loss", greaterIsBetter: false)
        #expect(higher.prefers(2, over: 1) && !higher.prefers(1, over: 1) && !higher.prefers(.nan, over: 1))
        #expect(lower.prefers(1, over: 2) && lower.prefers(2, over: .nan) && !lower.prefers(.nan, over: .nan))
    }
}
