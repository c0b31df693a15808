import Testing

@testable import MethodIndexer

@Suite struct MethodDeclarationsTests {
    @Test func findsTypesAndExtensionsThatDeclareACard() {
        let source = """
            public struct First: SavesModules, Equatable {
                let options = { (x: Int) in x }
                public static let card = MethodCard(name: "first")
            }
            struct Second {}
            extension Second: Method { static var card: MethodCard { MethodCard(name: "second") } }
            enum Family { struct Third: Method { static let card: MethodCard = make() } }
            extension Family.Fourth { static let card = MethodCard() }
            """
        #expect(MethodDeclarations.types(in: source) == ["First", "Second", "Family.Third", "Family.Fourth"])
    }

    @Test func passesOverProtocolsCommentsStringsAndUses() {
        let source = #"""
            import struct Foundation.URL
            protocol Method { static var card: MethodCard { get } }
            struct MethodCard { let name: String }
            // struct A { static let card = MethodCard() }
            /* struct B { /* nested */ static let card = MethodCard() } */
            struct C {
                let text = "static let card = MethodCard \(d("}")) \" {"
                let long = """
                    struct D { static let card = MethodCard() }
                    """
                let raw = ##"static let card = MethodCard "# "##
                func use() { let card = MethodCard(); print(card) }
                static let other = MethodCard()
            }
            func make() { class func x() { static let card = MethodCard() } }
            """#
        #expect(MethodDeclarations.types(in: source).isEmpty)
    }

    @Test func aQuotationMarkInARegularExpressionHidesNothing() {
        let source = """
            let quote = /"/
            struct A { static let card = MethodCard() }
            """
        #expect(MethodDeclarations.types(in: source) == ["A"])
    }

    @Test func theListIsAnArrayOfTypes() {
        #expect(MethodIndexer.source(listing: ["A", "B"]).contains("[\n        A.self,\n        B.self,\n    ]"))
        #expect(MethodIndexer.source(listing: []).contains("[\n    ]"))
    }
}
