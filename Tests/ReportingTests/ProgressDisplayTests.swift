import Testing

@testable import Reporting

@Suite("Progress display")
struct ProgressDisplayTests {
    /// A display whose output and clock the test holds.
    final class Screen {
        var text = ""
        var time = 0.0
        func display(interactive: Bool, color: Bool = false) -> ProgressDisplay {
            ProgressDisplay(
                terminal: Terminal(
                    isInteractive: interactive, usesColor: color, usesUnicode: false, fixedColumns: 60),
                write: { self.text += $0 }, now: { self.time })
        }
    }

    @Test("a terminal is redrawn at most ten times a second, and at the last step")
    func throttled() {
        let screen = Screen()
        var display = screen.display(interactive: true)
        display.consume(.started(Samples.description(totalSteps: 100)))
        screen.text = ""
        for step in 1...100 {
            screen.time += 0.03
            display.consume(.step(Samples.step(step, of: 100)))
        }
        let drawings = screen.text.split(separator: "\r").count
        #expect((25...31).contains(drawings))
        #expect(screen.text.hasSuffix("\u{1B}[K\r"))
        #expect(screen.text.contains("100/100"))
    }

    @Test("warnings and evaluations stand above the line, which is drawn again below them")
    func above() {
        let screen = Screen()
        var display = screen.display(interactive: true)
        display.consume(.started(Samples.description()))
        display.consume(.step(Samples.step(1)))
        screen.text = ""
        display.consume(.warning(RunWarning(code: "odd", message: "Look\u{1B}[2J", step: 1)))
        #expect(screen.text.hasPrefix("\r\u{1B}[Kwarning: Look\u{FFFD}[2J [odd]\n"))
        #expect(screen.text.hasSuffix("\r"))
        #expect(screen.text.contains("1/500"))
        screen.text = ""
        display.consume(.evaluation(Samples.evaluation(1, accuracy: 0.5, isBest: true)))
        #expect(screen.text.contains("eval after step 1: loss 1.250, accuracy 0.5000 (2 s) best so far\n"))
    }

    @Test("the terminal is left on a fresh line, and its cursor is never hidden")
    func closes() {
        let screen = Screen()
        var display = screen.display(interactive: true, color: true)
        display.consume(.started(Samples.description()))
        display.consume(.step(Samples.step(1)))
        display.consume(.finished(Samples.summary(.interrupted)))
        #expect(screen.text.contains("\r\n"))
        #expect(screen.text.hasSuffix(" after 500 steps, 2 min 42 s\n"))
        #expect(!screen.text.contains("\u{1B}[?25l"))
        screen.text = ""
        display.close()
        #expect(screen.text.isEmpty)
    }

    @Test("a log gets a line every twentieth of the run, without control characters")
    func log() {
        let screen = Screen()
        var display = screen.display(interactive: false)
        display.consume(.started(Samples.description(totalSteps: 200)))
        for step in 1...200 {
            screen.time += 0.5
            display.consume(.step(Samples.step(step, of: 200)))
        }
        display.consume(.checkpoint(CheckpointRecord(path: "c", step: 200, bytes: 2048, seconds: 0.1)))
        display.consume(.finished(Samples.summary()))
        let lines = screen.text.split(separator: "\n")
        #expect((20...22).contains(lines.filter { $0.hasPrefix("step ") }.count))
        #expect(lines.contains("checkpoint after step 200: c (2.00 KiB in 100 ms)"))
        #expect(lines.last == "finished 500 steps in 2 min 42 s")
        #expect(screen.text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 })
    }

    @Test("a slow run's log gets a line every ten seconds, a fast one's no more than two a second")
    func logPace() {
        let slow = Screen()
        var display = slow.display(interactive: false)
        display.consume(.started(Samples.description(totalSteps: 100_000)))
        for step in 1...30 {
            slow.time += 4
            display.consume(.step(Samples.step(step)))
        }
        #expect((10...13).contains(slow.text.split(separator: "\n").count - 1))
        let fast = Screen()
        display = fast.display(interactive: false)
        display.consume(.started(Samples.description(totalSteps: 1000)))
        for step in 1...1000 {
            fast.time += 0.001
            display.consume(.step(Samples.step(step, of: 1000)))
        }
        #expect(fast.text.split(separator: "\n").count <= 5)
        #expect(fast.text.contains("step 1000/1000  100 %"))
    }

    @Test("the environment's conventions are kept")
    func environment() {
        func terminal(_ environment: [String: String], isTerminal: Bool = true) -> Terminal {
            Terminal(isTerminal: isTerminal, environment: environment)
        }
        let usual = terminal(["TERM": "xterm-256color", "LANG": "en_US.UTF-8"])
        #expect(usual == Terminal(isInteractive: true, usesColor: true, usesUnicode: true))
        #expect(terminal(["TERM": "xterm", "NO_COLOR": "1"]).usesColor == false)
        #expect(terminal(["TERM": "xterm", "NO_COLOR": ""]).usesColor)
        #expect(terminal(["TERM": "dumb"]).isInteractive == false)
        #expect(terminal([:]).isInteractive == false)
        #expect(terminal(["TERM": "xterm"], isTerminal: false).isInteractive == false)
        #expect(terminal(["TERM": "xterm", "LC_ALL": "C", "LANG": "en_US.UTF-8"]).usesUnicode == false)
        #expect(terminal(["COLUMNS": "132"]).columns == 132)
        for value in ["0", "-5", "wide", ""] { #expect(terminal(["COLUMNS": value]).fixedColumns == nil) }
    }
}
