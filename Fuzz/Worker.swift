import Foundation

/// Runs executions one after the other in this process, which may end at any of them.
struct Worker {
    /// The status of a process that found something and lived to tell.
    static let foundStatus: Int32 = 3
    /// The longest text of an error.
    private static let longestMessage = 8192

    let reader: any FuzzReader.Type
    let corpus: URL
    let seed: UInt64
    let limits: FuzzLimits
    let workspace: URL

    /// Runs executions up to `end`.
    ///
    /// - Throws: `FuzzFault` at the first finding.
    func run(from start: Int, to end: Int) throws {
        let record = try SharedRecord(workspace.appendingPathComponent("record"))
        let place = try Workspace(workspace)
        let cases = try FuzzCase.corpus(in: corpus.appendingPathComponent(reader.name))
        let mutator = reader.mutator(cases, seed: seed)
        let instance = try reader.init(corpus: corpus)
        // The corpus comes first also where the run goes on, so that growth counts from the same place.
        for number in cases.indices where start > 0 { try execute(mutator.files(number), instance, place, record: nil) }
        var baseline = Self.peakMemory()
        for number in start..<end {
            record[.execution] = number
            if number == cases.count { baseline = Self.peakMemory() }
            try execute(mutator.files(number), instance, place, record: record)
            let growth = max(0, Self.peakMemory() - baseline)
            record[.growth] = max(record[.growth], growth)
            if growth > limits.memory, number >= cases.count {
                throw FuzzFault("the peak of memory grew by \(growth >> 20) MiB")
            }
        }
        record[.execution] = end
    }

    private func execute(
        _ files: FuzzCase, _ instance: any FuzzReader, _ place: Workspace, record: SharedRecord?
    ) throws {
        try place.take(files)
        startClock(limits.seconds)
        defer { startClock(0) }
        do {
            try instance.read(place.folder)
            record?[.accepted] += 1
        } catch let fault as FuzzFault {
            throw fault
        } catch {
            try Self.check("\(error)")
            record?[.refused] += 1
        }
        if try place.wasLeft() { throw FuzzFault("a file outside of the folder was read") }
    }

    /// Refusals are one bounded text.
    private static func check(_ message: String) throws {
        guard message.utf8.count <= longestMessage else {
            throw FuzzFault("an error of \(message.utf8.count) bytes: \(message.prefix(200))")
        }
    }

    /// Time of the processor, not of the wall: a busy machine makes nothing hang. The signal ends the process.
    private func startClock(_ seconds: Int) {
        var interval = itimerval()
        interval.it_value.tv_sec = seconds
        #if canImport(Darwin)
            setitimer(ITIMER_PROF, &interval, nil)
        #else
            setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &interval, nil)
        #endif
    }

    private static func peakMemory() -> Int {
        var usage = rusage()
        #if canImport(Darwin)
            return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0
        #else
            return getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 ? usage.ru_maxrss << 10 : 0
        #endif
    }
}

/// What one execution may take.
struct FuzzLimits: Sendable {
    /// Seconds of the processor.
    var seconds: Int
    /// Growth of the peak of memory in bytes.
    var memory: Int
    /// Seconds of the wall without a sign of life.
    var silence: Double
}
