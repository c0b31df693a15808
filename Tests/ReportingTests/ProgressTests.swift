import Testing

@testable import Reporting

@Suite("Progress")
struct ProgressTests {
    static func state(_ steps: Int, of total: Int = 500, task: String = "classification") -> ProgressState {
        var state = ProgressState()
        state.apply(.started(Samples.description(totalSteps: total, task: task)))
        if steps > 0 { for step in 1...steps { state.apply(.step(Samples.step(step, of: total))) } }
        return state
    }

    static func line(_ columns: Int, steps: Int = 152) -> String {
        ProgressLine.interactive(state(steps), columns: columns, color: false, unicode: true)
    }

    @Test("a wide line shows everything")
    func wide() {
        #expect(
            Self.line(120)
                == "━━━━━━━━━━━━────────────────────────────  152/500  epoch 0.61/2  loss 1.500  lr 2.5e-04  128 ex/s  "
                + "eta 1:27  mem 600 MiB")
    }

    @Test(
        "a narrow line leaves out what matters least",
        arguments: [
            (
                100,
                "━━━━━━──────────────  152/500  epoch 0.61/2  loss 1.500  lr 2.5e-04  128 ex/s  eta 1:27  mem 600 MiB"
            ),
            (80, "━━━╸─────────  152/500  epoch 0.61/2  loss 1.500  lr 2.5e-04  128 ex/s  eta 1:27"),
            (60, "━━━━━╸─────────────  152/500  loss 1.500  128 ex/s  eta 1:27"),
            (40, "152/500  loss 1.500  eta 1:27"),
            (30, "152/500  loss 1.500  eta 1:27"), (20, "152/500  loss 1.500"), (10, "152/500"), (5, "152/5"),
            (0, ""), (-1, ""),
        ])
    func narrow(columns: Int, expected: String) {
        #expect(Self.line(columns) == expected)
    }

    @Test("no width is exceeded, and colours take no room", arguments: 0...130)
    func neverTooWide(columns: Int) {
        let state = Self.state(152)
        let plain = ProgressLine.interactive(state, columns: columns, color: false, unicode: false)
        #expect(plain.count <= columns)
        #expect(plain.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        let colored = ProgressLine.interactive(state, columns: columns, color: true, unicode: false)
        let stripped = colored.replacing(/\u{1B}\[[0-9]+m/, with: "")
        #expect(String(stripped) == plain)
    }

    @Test("the bar is as full as the run", arguments: [0.0, 0.01, 0.5, 0.999, 1, .nan, -3, 7])
    func bar(share: Double) {
        let style = Style(color: false, unicode: true)
        guard share.isFinite else { return }
        let bar = style.bar(share, width: 20)
        #expect(bar.count == 20)
        #expect(bar.allSatisfy { $0 == "━" } == (share >= 1))
        #expect(Style(color: false, unicode: false).bar(0.5, width: 4) == "##--")
    }

    @Test("a log line has no control characters")
    func plain() {
        #expect(
            ProgressLine.plain(Self.state(152))
                == "step 152/500  30 %  epoch 0.61/2  loss 1.500  lr 2.5e-04  128 ex/s  eta 1:27  mem 600 MiB")
        #expect(ProgressLine.plain(Self.state(0)) == "step 0/500  0 %  epoch 0.00/2")
    }

    @Test("language models count tokens")
    func tokens() {
        #expect(ProgressLine.plain(Self.state(5, task: "causal-lm")).contains("2,000 tok/s"))
    }

    @Test("the loss is smoothed, but NaN shows at once and leaves again")
    func loss() {
        var state = Self.state(10)
        state.apply(.step(Samples.step(11, loss: 2.5)))
        #expect(abs((state.loss ?? 0) - (1.5 + 0.1 / (1 - 0.31381059609))) < 1e-9)
        state.apply(.step(Samples.step(12, loss: .nan)))
        #expect(ProgressLine.plain(state).contains("loss NaN"))
        state.apply(.step(Samples.step(13)))
        #expect(state.loss?.isFinite == true)
    }

    @Test("the remaining time follows the latest steps and holds the evaluations' share")
    func remaining() {
        var state = Self.state(100)
        #expect(state.secondsRemaining == 100)
        state.apply(.evaluation(Samples.evaluation(100, accuracy: 0.5)))
        #expect(state.secondsRemaining == 108)
        for step in 101...140 { state.apply(.step(Samples.step(step, seconds: 1))) }
        #expect(abs((state.secondsRemaining ?? 0) - 360 * (1 + 2.0 / 140)) < 1e-9)
        #expect(Self.state(500).secondsRemaining == 0)
        #expect(ProgressState().secondsRemaining == nil)
    }

    @Test("records of several steps count as so many")
    func severalSteps() {
        var state = ProgressState()
        state.apply(.started(Samples.description(resumedFrom: 0)))
        for step in [10, 20, 30] { state.apply(.step(Samples.step(step, seconds: 5))) }
        #expect(state.secondsRemaining == 470 * 0.5)
    }

    @Test("a resumed run starts where it was")
    func resumed() {
        var state = ProgressState()
        state.apply(.started(Samples.description(resumedFrom: 250)))
        #expect(state.share == 0.5)
        state.apply(.step(Samples.step(251)))
        #expect(state.secondsRemaining == 249 * 0.25)
    }
}
