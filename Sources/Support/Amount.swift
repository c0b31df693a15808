/// Numbers with a unit, as people write them.
public enum Amount {
    private static let countUnits = ["k": 1e3, "M": 1e6, "B": 1e9]
    private static let byteUnits = [
        "KiB": 1024.0, "MiB": 1_048_576, "GiB": 1_073_741_824, "TiB": 1_099_511_627_776, "B": 1, "kB": 1e3, "KB": 1e3,
        "MB": 1e6, "GB": 1e9, "TB": 1e12,
    ]

    /// A count as `500k` or `1.5M`; nil for anything else, and for less than one.
    public static func count(_ text: String) -> Int? { parse(text, units: countUnits) }

    /// Bytes as `900MiB` or `1.5GB`; nil for anything else, and for less than one.
    public static func bytes(_ text: String) -> Int? { parse(text, units: byteUnits) }

    /// A number and a unit, spaces between them or not.
    private static func parse(_ text: String, units: [String: Double]) -> Int? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard let number = Double(digits), let factor = unit.isEmpty ? 1 : units[String(unit)] else { return nil }
        let value = number * factor
        guard value >= 1, value < 1e18 else { return nil }
        return Int(value.rounded())
    }
}
