extension String {
    /// The text with every control character replaced by `�`, so that names from outside cannot steer a terminal or
    /// break a line; tabs and newlines become spaces. Marks that turn the reading direction count as control.
    var withoutControlCharacters: String {
        var clean = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar.value {
            case 0x09, 0x0A, 0x0D: clean.append(" ")
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069:
                clean.append("\u{FFFD}")
            default: clean.append(scalar)
            }
        }
        return String(clean)
    }
}
