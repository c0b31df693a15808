import ArgumentParser

/// A count with a unit, as `500k` or `1.5M`.
struct CountArgument: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        guard let value = Amount.parse(argument, units: ["k": 1e3, "M": 1e6, "B": 1e9]) else { return nil }
        self.value = value
    }
}

/// Bytes with a unit, as `900MiB` or `1.5GB`.
struct BytesArgument: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        let binary = [("KiB", 1024.0), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("TiB", 1_099_511_627_776)]
        let decimal = [("B", 1.0), ("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)]
        let units = Dictionary(uniqueKeysWithValues: binary + decimal)
        guard let value = Amount.parse(argument, units: units) else { return nil }
        self.value = value
    }
}

private enum Amount {
    /// A number and a unit, spaces between them or not; nil for anything else, and for less than one.
    static func parse(_ text: String, units: [String: Double]) -> Int? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard let number = Double(digits), let factor = unit.isEmpty ? 1 : units[String(unit)] else { return nil }
        let value = number * factor
        guard value >= 1, value < 1e18 else { return nil }
        return Int(value.rounded())
    }
}
