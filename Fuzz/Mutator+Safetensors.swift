import JSON

/// Damage that keeps the frame of a safetensors file whole more often than not, so that its entries are reached.
extension Mutator {
    func mutateSafetensors(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
        guard bytes.count >= 8 else { return mutateBytes(&bytes, like: ".safetensors", &random) }
        let length = bytes[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(bytes.count - 8) else { return mutateBytes(&bytes, like: ".safetensors", &random) }
        var header = Array(bytes[8..<(8 + Int(length))])
        var data = Array(bytes[(8 + Int(length))...])
        switch random.below(8) {
        case 0: mutateBytes(&data, like: "", &random)
        case 1: mutateBytes(&header, like: "", &random)
        case 2: data.removeLast(min(data.count, 1 + random.below(16)))
        case 3: data.append(contentsOf: [UInt8](repeating: 0, count: 1 + random.below(16)))
        case 4: header.append(contentsOf: [UInt8](repeating: 0x20, count: random.below(9)))
        default: mutateJSON(&header, &random)
        }
        var count = UInt64(header.count)
        if random.oneIn(25) { count = UInt64(bitPattern: random.pick(Self.interestingNumbers) ?? 0) }
        bytes = (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * UInt64($0))) } + header + data
    }
}
