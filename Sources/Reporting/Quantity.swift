import Foundation

/// How numbers are written for people: the same in the terminal, in logs and in the report, whatever the locale.
public enum Quantity {
    /// `1.9 GiB`, `512 KiB`, `84 B`: three significant digits in binary units.
    public static func bytes(_ bytes: Int) -> String {
        guard bytes >= 1024 else { return "\(max(bytes, 0)) B" }
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var value = Double(bytes) / 1024
        var unit = 0
        // 1023.5 would be written as 1024 of the smaller unit.
        while value >= 1023.5, unit + 1 < units.count {
            value /= 1024
            unit += 1
        }
        return "\(threeDigits(value)) \(units[unit])"
    }

    /// `1,234,567`: all digits, in groups of three.
    public static func count(_ count: Int) -> String {
        let digits = Array(String(count.magnitude))
        var text = count < 0 ? "-" : ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text
    }

    /// `22.7 M`: three significant digits with a decimal unit; exact below 10,000.
    public static func shortCount(_ count: Int) -> String {
        guard count.magnitude >= 10_000 else { return Self.count(count) }
        let units = ["k", "M", "B", "T"]
        var value = Double(count) / 1000
        var unit = 0
        while abs(value) >= 999.5, unit + 1 < units.count {
            value /= 1000
            unit += 1
        }
        return "\(threeDigits(value)) \(units[unit])"
    }

    /// `0.324 %`, `12.5 %`, `100 %`: a share between 0 and 1 with at most three significant digits.
    public static func percent(_ share: Double) -> String {
        let value = share * 100
        guard value.isFinite, value != 0 else { return "\(number(value)) %" }
        if abs(value) < 0.001 || abs(value) >= 1e7 { return "\(scientific(value, digits: 1)) %" }
        return "\(trimmed(significant(value, digits: 3))) %"
    }

    /// `4:05`, `1:02:03`, `2d 03:04:05`, `--:--`: a clock reading, for places where the width should not jump.
    public static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "--:--" }
        let total = Int(seconds.rounded())
        let (days, hours, minutes, rest) = (total / 86_400, total / 3600 % 24, total / 60 % 60, total % 60)
        if days > 0 { return "\(days)d \(padded(hours)):\(padded(minutes)):\(padded(rest))" }
        if hours > 0 { return "\(hours):\(padded(minutes)):\(padded(rest))" }
        return "\(minutes):\(padded(rest))"
    }

    /// `850 ms`, `12.3 s`, `4 min 5 s`, `2 h 3 min`, `1 d 4 h`: a duration in words.
    public static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "unknown" }
        if seconds < 0.9995 { return "\(Int((seconds * 1000).rounded())) ms" }
        if seconds < 59.95 { return "\(trimmed(fixed(seconds, decimals: 1))) s" }
        let total = Int(seconds.rounded())
        if total < 3600 { return "\(total / 60) min \(total % 60) s" }
        if total < 86_400 { return "\(total / 3600) h \(total / 60 % 60) min" }
        return "\(total / 86_400) d \(total / 3600 % 24) h"
    }

    /// `1.234`, `0.0123`, `1.2e-05`, `NaN`: a number of any size with about `digits` significant digits, of which
    /// those of a fraction count from the point.
    public static func number(_ value: Double, digits: Int = 4) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        if value == 0 { return "0" }
        let size = abs(value)
        if size >= 1e7 || size < 1e-4 { return scientific(value, digits: max(digits - 2, 1)) }
        if size >= 10_000 { return count(Int(value.rounded())) }
        return size >= 0.01 && size < 1 ? fixed(value, decimals: digits) : significant(value, digits: digits)
    }

    /// `2.5e-05`: the way in which learning rates are read; `0` for zero.
    public static func learningRate(_ rate: Double) -> String {
        guard rate.isFinite else { return number(rate) }
        return rate == 0 ? "0" : scientific(rate, digits: 2)
    }

    /// `105`, `12.3`, `2,341`: an amount per second without its unit.
    public static func rate(_ perSecond: Double) -> String {
        guard perSecond.isFinite, perSecond >= 0, perSecond < 1e15 else { return "-" }
        if perSecond >= 99.95 { return count(Int(perSecond.rounded())) }
        return perSecond >= 9.995 ? fixed(perSecond, decimals: 1) : fixed(perSecond, decimals: 2)
    }

    /// `1.50`: a number with a fixed number of decimals.
    static func fixed(_ value: Double, decimals: Int) -> String {
        String(format: "%.\(decimals)f", value)
    }

    /// Drops zeros at the end of a decimal fraction, and the point where nothing follows it.
    static func trimmed(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: ".")), !text.utf8.contains(UInt8(ascii: "e")) else { return text }
        var end = text.endIndex
        while text[text.index(before: end)] == "0" { end = text.index(before: end) }
        if text[text.index(before: end)] == "." { end = text.index(before: end) }
        return String(text[..<end])
    }

    private static func threeDigits(_ value: Double) -> String {
        abs(value) >= 99.95 ? fixed(value, decimals: 0) : significant(value, digits: 3)
    }

    private static func scientific(_ value: Double, digits: Int) -> String {
        String(format: "%.\(max(digits - 1, 0))e", value)
    }

    /// Fixed notation with so many decimals that `digits` of them are significant.
    private static func significant(_ value: Double, digits: Int) -> String {
        let decimals = digits - 1 - Int(log10(abs(value)).rounded(.down))
        let text = fixed(value, decimals: max(decimals, 0))
        // 9.9996 with four digits becomes 10.0000: one decimal too many.
        let size = text.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }
        let written = size.reduce(0) { $0 + ($1 == UInt8(ascii: ".") ? 0 : 1) }
        return decimals > 0 && written > digits ? fixed(value, decimals: decimals - 1) : text
    }

    private static func padded(_ number: Int) -> String {
        number < 10 ? "0\(number)" : String(number)
    }
}
