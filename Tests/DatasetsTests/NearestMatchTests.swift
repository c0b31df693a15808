import Testing

@testable import Datasets

struct NearestMatchTests {
    @Test(arguments: [
        ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("flaw", "lawn", 2), ("same", "same", 0),
        ("label", "lable", 1), ("ca", "abc", 3),
    ])
    func editsAndSwapsAreCounted(_ left: String, _ right: String, _ distance: Int) {
        #expect(editDistance(Array(left), Array(right)) == distance)
    }

    @Test func theNearestNameIsSuggested() {
        #expect(nearestMatch(to: "lable", in: ["text", "label", "labels"]) == "label")
        #expect(nearestMatch(to: "Learning_Rate", in: ["learning_rate"]) == "learning_rate")
        #expect(nearestMatch(to: "q_prj", in: ["k_proj", "q_proj", "v_proj"]) == "q_proj")
    }

    @Test func namesTooFarAwayAreNot() {
        #expect(nearestMatch(to: "text", in: ["label", "id"]) == nil)
        #expect(nearestMatch(to: "a", in: ["bc"]) == nil)
        #expect(nearestMatch(to: "x", in: [String]()) == nil)
    }
}
