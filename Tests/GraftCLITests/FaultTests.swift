import Foundation
import Testing

/// The command in an environment that fails: what was there before stays, the error says why, and the run goes on to
/// the same adapter once the fault is gone.
@Suite struct FaultTests {
    /// Settings of a run of twelve steps with a checkpoint after each.
    private static let settings = [
        "--max-steps", "12", "--set", "save_strategy=steps", "--set", "save_steps=1", "--set", "eval_strategy=no",
    ]

    /// The adapter of a run that nothing happened to, in a folder of the same name somewhere else.
    private func uninterrupted(_ place: Workplace, _ settings: [String] = settings) throws -> Data {
        let outcome = try place.graft(place.arguments("classification", settings))
        #expect(outcome.status == 0, "\(outcome.errors)")
        let adapter = try place.bytes("run/adapter_model.safetensors")
        try FileManager.default.removeItem(at: place.run)
        return adapter
    }

    private func command(_ arguments: [String]) -> String {
        "\"$GRAFT\" " + arguments.map { "'\($0)'" }.joined(separator: " ")
    }

    private func waitFor(_ path: String, in place: Workplace) {
        while !place.exists(path) { usleep(1000) }
    }

    #if os(Linux)
        /// Whether a test may have a mount namespace of its own, as root or by the kernel's leave.
        static let canMount = (try? Shell.run("unshare -rm sh -c 'mount -t tmpfs none /mnt'").status) == 0

        @Test(.enabled(if: canMount, "no mount namespace can be made here"))
        func aFullDiskEndsTheRunWithWhatItHasSavedAndRoomLetsItGoOn() throws {
            try Workplace.with("bert") { place in
                let settings = Self.settings + ["--set", "save_total_limit=null"]
                let expected = try uninterrupted(place, settings)
                let train = command(place.arguments("classification", settings))
                let script = """
                    mkdir run && mount -t tmpfs -o size=300k none run
                    \(train); echo "first $?"
                    ls -A run > after; du -s run > used
                    mount -o remount,size=50m run
                    \(train) --resume; echo "second $?"
                    cp run/adapter_model.safetensors run/metrics.jsonl .
                    """
                try Data(script.utf8).write(to: place.folder.appendingPathComponent("script"))
                let outcome = try Shell.run("unshare -rm sh script", in: place.folder)
                #expect(outcome.output.contains("first 1") && outcome.output.contains("second 0"), "\(outcome)")
                #expect(outcome.errors.contains("No space left on device; free some space"), "\(outcome.errors)")
                let left = String(decoding: try place.bytes("after"), as: UTF8.self)
                #expect(left.contains("checkpoint-") && !left.contains(".tmp"), "\(left)")
                #expect(!outcome.errors.contains("passed over"), "\(outcome.errors)")
                #expect(try place.bytes("adapter_model.safetensors") == expected)
            }
        }

        @Test(.enabled(if: canMount, "no mount namespace can be made here"))
        func aReadOnlyFileSystemIsRefusedAndLeftAsItIs() throws {
            try Workplace.with("bert") { place in
                let train = command(place.arguments("classification", Self.settings))
                let script = """
                    mkdir run && mount -t tmpfs none run
                    \(train); echo "first $?"
                    (cd run && find . -type f | sort | xargs sha256sum) > before
                    mount -o remount,ro run
                    \(train) --resume --max-steps 14; echo "second $?"
                    (cd run && find . -type f | sort | xargs sha256sum) > after
                    """
                try Data(script.utf8).write(to: place.folder.appendingPathComponent("script"))
                let outcome = try Shell.run("unshare -rm sh script", in: place.folder)
                #expect(outcome.output.contains("first 0") && outcome.output.contains("second 1"), "\(outcome)")
                #expect(outcome.errors.contains("output_dir: nothing can be written to"), "\(outcome.errors)")
                #expect(outcome.errors.contains("Read-only file system"), "\(outcome.errors)")
                #expect(try place.bytes("before") == place.bytes("after"))
            }
        }

        /// Whether a test can be given a C library's function of its own.
        static let canCompile = (try? Shell.run("command -v cc").status) == 0

        @Test(.enabled(if: canCompile, "there is no C compiler"))
        func aFileSystemThatKnowsNoLocksIsAWarning() throws {
            try Workplace.with("bert") { place in
                let flock = "#include <errno.h>\nint flock(int file, int how) { errno = ENOLCK; return -1; }\n"
                try Data(flock.utf8).write(to: place.folder.appendingPathComponent("flock.c"))
                #expect(try Shell.run("cc -shared -fPIC -o flock.so flock.c", in: place.folder).status == 0)
                let train = command(place.arguments("classification", ["--max-steps", "1"]))
                let outcome = try Shell.run("LD_PRELOAD=./flock.so \(train)", in: place.folder)
                #expect(outcome.status == 0, "\(outcome.errors)")
                let log = String(decoding: try place.bytes("run/metrics.jsonl"), as: UTF8.self)
                #expect(log.contains(#""code":"no_lock""#), "\(log)")
                #expect(outcome.errors.contains("knows no locks: nothing keeps a second run from"), "\(outcome)")
                #expect(place.exists("run/adapter_model.safetensors"))
            }
        }

        @Test func aFileThatMayNotGrowEndsTheRunWithWhatItHasSaved() throws {
            try Workplace.with("bert") { place in
                let expected = try uninterrupted(place)
                let train = command(place.arguments("classification", Self.settings))
                // Blocks of 512 bytes: the log fits for a while, no checkpoint does.
                let outcome = try Shell.run("ulimit -f 12; exec \(train)", in: place.folder)
                #expect(outcome.status == 1, "\(outcome)")
                #expect(outcome.errors.contains("File too large; raise the limit"), "\(outcome.errors)")
                let left = try FileManager.default.contentsOfDirectory(atPath: place.run.path)
                #expect(!left.contains { $0.hasSuffix(".tmp") || $0.hasPrefix("checkpoint-") }, "\(left)")
                let resumed = try Shell.run("\(train) --resume", in: place.folder)
                #expect(resumed.status == 0, "\(resumed.errors)")
                #expect(try place.bytes("run/adapter_model.safetensors") == expected)
            }
        }

        @Test func aFolderThatMayNotBeWrittenIsRefusedAndLeftAsItIs() throws {
            try Workplace.with("bert") { place in
                #expect(try place.graft(place.arguments("classification", Self.settings)).status == 0)
                // What root may do says nothing: the command then runs as somebody else.
                let isRoot = getuid() == 0
                let other = isRoot ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : ""
                guard try Shell.run(other + "\"$GRAFT\" --version").status == 0 else { return }
                let before = try Shell.run("chmod -R a-w run && ls -lAR run", in: place.folder).output
                let train = command(place.arguments("classification", Self.settings + ["--max-steps", "14"]))
                let refused = try Shell.run("\(other)\(train) --resume", in: place.folder)
                #expect(refused.status == 1)
                #expect(refused.errors.contains("output_dir: nothing can be written to"), "\(refused.errors)")
                #expect(refused.errors.contains("Permission denied; choose a folder"), "\(refused.errors)")
                #expect(try Shell.run("ls -lAR run", in: place.folder).output == before)
                #expect(try Shell.run("chmod -R u+w run", in: place.folder).status == 0)
                #expect(try place.graft(place.arguments("classification", Self.settings + ["--resume"])).status == 0)
            }
        }
    #endif

    @Test func aFolderThatVanishesEndsTheRun() throws {
        try Workplace.with("bert") { place in
            let running = try Program.start(
                place.arguments("classification", ["--max-steps", "1000000"]), in: place.folder)
            waitFor("run/metrics.jsonl", in: place)
            try FileManager.default.moveItem(at: place.run, to: place.folder.appendingPathComponent("moved"))
            let outcome = running.wait()
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("was removed, moved or replaced while"), "\(outcome.errors)")
            #expect(!place.exists("run"))
            #expect(place.exists("moved/metrics.jsonl"))
        }
    }

    @Test func aSecondProcessIsRefusedUntilTheFirstIsGoneHoweverItWent() throws {
        try Workplace.with("bert") { place in
            let settings = ["--set", "save_strategy=steps", "--set", "save_steps=1", "--set", "eval_strategy=no"]
            let running = try Program.start(
                place.arguments("classification", settings + ["--max-steps", "1000000"]), in: place.folder)
            waitFor("run/checkpoint-2", in: place)
            for start in ["--resume", "--overwrite"] {
                let second = try place.graft(place.arguments("classification", settings + [start]))
                #expect(second.status == 1)
                #expect(
                    second.errors.contains("run is being written by another run (process \(running.identifier) on "),
                    "\(second.errors)")
                #expect(second.errors.contains(" since 20"))
            }
            let export = try place.graft(
                ["export", "--adapter", "run/checkpoint-2", "--output", "run", "--model", "model"])
            #expect(export.status == 1)
            running.signal(SIGKILL)
            _ = running.wait()
            #expect(place.exists("run/.graft.lock"))
            let third = try place.graft(
                place.arguments("classification", settings + ["--max-steps", "1", "--overwrite"]))
            #expect(third.status == 0, "\(third.errors)")
            #expect(!place.exists("run/.graft.lock"))
        }
    }

    @Test func aSecondInterruptAtAnyMomentLeavesARunThatResumesToTheSameAdapter() throws {
        try Workplace.with("bert") { place in
            let settings = [
                "--max-steps", "60", "--set", "save_strategy=steps", "--set", "save_steps=1", "--set",
                "eval_strategy=no",
            ]
            let expected = try uninterrupted(place, settings)
            for (part, step) in [3, 12, 20, 33].enumerated() {
                let running = try Program.start(
                    place.arguments("classification", settings + (part == 0 ? [] : ["--resume"])), in: place.folder)
                waitFor("run/checkpoint-\(step)", in: place)
                running.interrupt()
                usleep(UInt32(part) * 700)
                running.interrupt()
                let outcome = running.wait()
                #expect(outcome.status == 130, "\(outcome.errors)")
            }
            let resumed = try place.graft(["train", "run/config.yaml", "--resume"])
            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(resumed.errors.contains(" from checkpoint-"), "\(resumed.errors)")
            #expect(!resumed.errors.contains("passed over"), "\(resumed.errors)")
            #expect(try place.bytes("run/adapter_model.safetensors") == expected)
        }
    }

    @Test func aRunThatWouldNotFitIsRefusedBeforeItBegins() throws {
        try Workplace.with("bert") { place in
            let outcome = try place.graft(place.arguments("classification", ["--memory-limit", "1MiB"]))
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("memory_limit: the run would take about"), "\(outcome.errors)")
            #expect(!place.exists("run"))
            let policy = try place.graft(place.arguments("classification", ["--on-nonfinite", "rewnd"]))
            #expect(policy.errors.contains("the nearest is `rewind`"), "\(policy.errors)")
        }
    }
}

/// Command lines around the built command, which is `$GRAFT`.
enum Shell {
    static func run(_ script: String, in folder: URL? = nil) throws -> Program.Outcome {
        let files = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(at: files) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        var variables = ProcessInfo.processInfo.environment
        variables.merge(["OMP_NUM_THREADS": "1", "GRAFT": Program.executable?.path ?? "graft"]) { $1 }
        process.environment = variables
        process.currentDirectoryURL = folder
        var outputs: [FileHandle] = []
        for name in ["out", "err"] {
            let file = files.appendingPathComponent(name)
            try Data().write(to: file)
            outputs.append(try FileHandle(forWritingTo: file))
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = outputs[0]
        process.standardError = outputs[1]
        try process.run()
        process.waitUntilExit()
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: files.appendingPathComponent(name)), as: UTF8.self)
        }
        return Program.Outcome(status: process.terminationStatus, output: try text("out"), errors: try text("err"))
    }
}
