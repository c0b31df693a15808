import JSON
import Testing

@Suite struct NodeTests {
    private let config = JSON.Node(
        ["rope_scaling": ["factor": "8"], "layers": [1, 2, "x"], "none": nil, "eps": 1, "size": 4.5],
        source: "config.json")

    @Test func errorsCarryTheWholePath() throws {
        let message = #"config.json: rope_scaling.factor: expected a number, found a string"#
        let error = #expect(throws: JSONError.self) { try config.field("rope_scaling").field("factor").double() }
        #expect(error?.description == message)
        let second = #expect(throws: JSONError.self) { try config.field("layers").ints() }
        #expect(second?.description == "config.json: layers[2]: expected an integer, found a string")
    }

    @Test func missingKeysAreNamed() {
        let error = #expect(throws: JSONError.self) { try config.field("hidden_size") }
        #expect(error?.description == #"config.json: the key "hidden_size" is missing"#)
    }

    @Test func absentAndNullAreBothNil() throws {
        #expect(try config.optional("none") == nil)
        #expect(try config.optional("other") == nil)
        #expect(try config.field("none").isNull)
    }

    @Test func integersServeAsDoublesButNotTheOtherWayRound() throws {
        #expect(try config.field("eps").double() == 1)
        #expect(throws: JSONError.self) { try config.field("size").int() }
        #expect(throws: JSONError.self) { try config.field("eps").int(in: 2...3) }
    }
}
