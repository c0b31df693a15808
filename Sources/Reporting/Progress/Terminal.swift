import Foundation

/// What an output can show.
public struct Terminal: Sendable, Hashable {
    /// Whether the last line can be drawn again; false for files and pipes.
    public var isInteractive: Bool
    /// Whether colours are understood and wanted.
    public var usesColor: Bool
    /// Whether characters beyond ASCII are understood.
    public var usesUnicode: Bool
    /// A width that the user set, which wins over the window's.
    public var fixedColumns: Int?

    /// States what an output can show.
    public init(isInteractive: Bool, usesColor: Bool, usesUnicode: Bool, fixedColumns: Int? = nil) {
        self.isInteractive = isInteractive
        self.usesColor = usesColor
        self.usesUnicode = usesUnicode
        self.fixedColumns = fixedColumns
    }

    /// The standard error of this process.
    public static func standardError() -> Terminal {
        Terminal(isTerminal: isatty(STDERR_FILENO) == 1, environment: ProcessInfo.processInfo.environment)
    }

    /// Applies the conventions of the environment: `TERM=dumb` cannot redraw, a `NO_COLOR` that is not empty wants no
    /// colour (no-color.org), `COLUMNS` sets the width, and the locale says whether text is UTF-8.
    init(isTerminal: Bool, environment: [String: String]) {
        let term = environment["TERM"] ?? ""
        let canRedraw = isTerminal && term != "dumb" && !term.isEmpty
        let noColor = !(environment["NO_COLOR"] ?? "").isEmpty
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let encoding = locale.lowercased()
        let columns = environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        self.init(
            isInteractive: canRedraw, usesColor: canRedraw && !noColor,
            usesUnicode: encoding.contains("utf-8") || encoding.contains("utf8"), fixedColumns: columns)
    }

    /// The width now; windows change. 80 where the system does not say.
    public var columns: Int {
        if let fixedColumns { return fixedColumns }
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
