import Foundation

/// Shows a run while it goes on: one redrawn line in a terminal, a plain line now and then in a log.
///
/// The cursor is never hidden and stays at the start of the redrawn line, so a process that is killed or suspended
/// leaves the terminal as it was.
public struct ProgressDisplay {
    private let terminal: Terminal
    private let write: (String) -> Void
    private let now: () -> Double
    private var state = ProgressState()
    private var isLineDrawn = false
    private var lastDrawn = -Double.infinity
    private var lastShare = 0.0

    /// Seconds between two drawings in a terminal.
    private static let drawingInterval = 0.1
    /// Seconds after which a log gets a line, and the progress after which it gets one sooner.
    private static let logInterval = 10.0
    private static let logShare = 0.05
    /// A log gets no two lines within this many seconds, however fast the run is.
    private static let shortestLogInterval = 0.5

    /// Shows a run on the standard error.
    public init() {
        let start = ContinuousClock.now
        self.init(
            terminal: .standardError(), write: StandardError.put,
            now: { (ContinuousClock.now - start) / .seconds(1) })
    }

    /// Shows a run elsewhere.
    ///
    /// - Parameters:
    ///   - write: takes text as it is.
    ///   - now: seconds since any fixed moment.
    init(terminal: Terminal, write: @escaping (String) -> Void, now: @escaping () -> Double) {
        self.terminal = terminal
        self.write = write
        self.now = now
    }

    /// Takes up an event and shows what changed.
    public mutating func consume(_ event: TrainingEvent) {
        state.apply(event)
        let style = Style(color: terminal.usesColor, unicode: terminal.usesUnicode)
        switch event {
        case .started(let description):
            lastShare = state.share
            printAbove(EventLine.started(description))
        case .step: draw(force: state.step >= state.totalSteps)
        case .evaluation(let record): printAbove(EventLine.evaluation(record, style: style))
        case .warning(let warning): printAbove(EventLine.warning(warning, style: style))
        case .checkpoint(let record):
            // In a terminal the bar says enough; a log is read afterwards.
            if !terminal.isInteractive { printAbove(EventLine.checkpoint(record)) }
        case .finished(let summary):
            if isLineDrawn { draw(force: true) }
            close()
            write(EventLine.finished(summary, style: style) + "\n")
        }
    }

    /// Prints a line above the progress, for messages of other parts of the program.
    public mutating func printAbove(_ line: String) {
        guard terminal.isInteractive, isLineDrawn else { return write(line + "\n") }
        write("\r\u{1B}[K\(line)\n\(currentLine)\r")
    }

    /// Leaves the last line standing and goes below it; the next event begins a new line.
    public mutating func close() {
        if isLineDrawn { write("\n") }
        isLineDrawn = false
    }

    private mutating func draw(force: Bool) {
        let moment = now()
        if terminal.isInteractive {
            guard force || moment - lastDrawn >= Self.drawingInterval else { return }
            // Text first, then the rest of the line is cleared: nothing is ever blank.
            write("\(currentLine)\u{1B}[K\r")
            isLineDrawn = true
        } else {
            let elapsed = moment - lastDrawn
            let isDue = elapsed >= Self.logInterval || state.share - lastShare >= Self.logShare
            guard force || isDue && elapsed >= Self.shortestLogInterval else { return }
            write(ProgressLine.plain(state) + "\n")
            lastShare = state.share
        }
        lastDrawn = moment
    }

    /// One column stays free: some terminals wrap when the last one is written.
    private var currentLine: String {
        ProgressLine.interactive(
            state, columns: terminal.columns - 1, color: terminal.usesColor, unicode: terminal.usesUnicode)
    }
}

private enum StandardError {
    /// One call per drawing, so that a line is never seen in parts. A closed or full output is no reason to stop.
    static func put(_ text: String) {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let written = bytes.withUnsafeBytes { buffer in
                write(STDERR_FILENO, buffer.baseAddress.map { $0 + start }, buffer.count - start)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            start += written
        }
    }
}
