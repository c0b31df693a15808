import Foundation
import Testing

@testable import Files

@Suite struct ShortenedTests {
    /// Names from files are in messages, and files can hold very long ones.
    @Test func messagesKeepTheirBeginningAndAreBounded() {
        let path = "/" + String(repeating: "name", count: 1 << 16)
        for error in [FileError.notAFile(path: path), .outside(path: path, target: path), .shrank(path: path)] {
            #expect("\(error)".utf8.count < 5000)
            #expect("\(error)".hasPrefix("/namename"))
        }
        #expect("\(FileError.notAFile(path: "/a"))" == "/a is not a regular file")
    }
}
