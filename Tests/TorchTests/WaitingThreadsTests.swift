#if os(Linux)
    import Foundation
    import Testing
    import Torch

    /// Threads as the system lists them: those of a team are named as the thread that made them.
    @Suite struct WaitingThreadsTests {
        @Test(.enabled(if: try Engine.threadCount() > 1, "one thread has no team"))
        func aTeamThatWaitsIsEndedAndComesBack() async throws {
            let counts = try await onThread(named: "graft-team-test") {
                func work() throws { _ = try Tensor.ones([1 << 22]).dropout(0.5, key: RandomKey(seed: 1)) }
                try work()
                let working = Self.threads("graft-team-test")
                Engine.endWaitingThreads()
                // The system forgets a thread a moment after it ended.
                for _ in 0..<500 where Self.threads("graft-team-test") > 1 { Thread.sleep(forTimeInterval: 0.01) }
                let ended = Self.threads("graft-team-test")
                try work()
                return [working, ended, Self.threads("graft-team-test")]
            }
            #expect(counts[0] > 1)
            #expect(counts[1] == 1)
            #expect(counts[2] == counts[0])
        }

        private static func threads(_ name: String) -> Int {
            let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
            return tasks.filter {
                (try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8)) == name + "\n"
            }.count
        }

        private func onThread<Result: Sendable>(
            named name: String, _ body: @escaping @Sendable () throws -> Result
        ) async throws -> Result {
            try await withCheckedThrowingContinuation { continuation in
                Thread {
                    continuation.resume(
                        with: Swift.Result {
                            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "/proc/thread-self/comm"))
                            try file.write(contentsOf: Data(name.utf8))
                            try file.close()
                            return try body()
                        })
                }.start()
            }
        }
    }
#endif
