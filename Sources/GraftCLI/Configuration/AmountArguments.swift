import ArgumentParser
import Support

/// A count with a unit, as `500k` or `1.5M`.
struct CountArgument: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        guard let value = Amount.count(argument) else { return nil }
        self.value = value
    }
}

/// Bytes with a unit, as `900MiB` or `1.5GB`.
struct BytesArgument: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        guard let value = Amount.bytes(argument) else { return nil }
        self.value = value
    }
}
