import Methods
import Testing

@Suite struct MethodRegistryTests {
    @Test func methodsAreThereBecauseTheirFilesAre() throws {
        #expect(try MethodRegistry.method(named: "lora") is LoRA.Type)
        #expect(try MethodRegistry.method(named: "ln_tuning") is LayerNormTuning.Type)
    }

    @Test func theOrderIsByFamilyAndName() {
        let keys = MethodRegistry.all.map { [$0.card.family, $0.card.name] }
        #expect(keys == keys.sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test func namesSlugsAndTypesOfPeftAreUnique() {
        let names = MethodRegistry.all.map { $0.card.name }
        #expect(Set(names).count == names.count)
        let slugs = MethodRegistry.all.flatMap { $0.replays.flatMap { $0.slugs } }
        #expect(Set(slugs).count == slugs.count)
        let types = MethodRegistry.all.compactMap { $0 as? any PeftMethod.Type }.flatMap { $0.peft.types }
        #expect(Set(types).count == types.count)
    }

    @Test func everyMethodReadsBackWhatItWrites() throws {
        for type in MethodRegistry.all {
            let written = try MethodConfiguration(type.init()).json
            let read = try MethodConfiguration(.init(written)).json
            #expect(read == written)
        }
    }

    @Test func anUnknownNameNamesTheNearest() {
        let error = #expect(throws: MethodError.self) { try MethodRegistry.method(named: "ln_tunning") }
        #expect(error.map { "\($0)" }?.contains("the nearest is `ln_tuning`") == true)
    }
}
