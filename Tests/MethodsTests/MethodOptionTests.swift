import JSON
import Testing

@testable import Methods

@Suite struct MethodOptionTests {
    private func read<M: Methods.Method>(_ type: M.Type, _ options: JSON) throws -> M {
        try JSON.Node(options, source: "method").decode(type)
    }

    private func error<M: Methods.Method>(_ type: M.Type, _ options: JSON) -> MethodError? {
        #expect(throws: MethodError.self) { try read(type, options) }
    }

    @Test(arguments: MethodRegistry.all.map { $0.card.name })
    func aConfigurationReadsBackWhatItWrites(name: String) throws {
        func check<M: Methods.Method>(_ type: M.Type) throws {
            let written = try JSON(encoding: M())
            #expect(try JSON(encoding: read(type, written)) == written)
            guard case .object(let object) = written else {
                Issue.record("\(name) writes \(written)")
                return
            }
            #expect(object.keys == M.options.map(\.key).filter { !M.optionalOptions.contains($0) })
        }
        try check(MethodRegistry.method(named: name))
    }

    @Test(arguments: MethodRegistry.all.map { $0.card.name })
    func everyOptionIsAnotherOne(name: String) throws {
        func keys<M: Methods.Method>(_ type: M.Type) -> [String] { M.options.map(\.key) }
        let names = keys(try MethodRegistry.method(named: name))
        #expect(Set(names).count == names.count)
    }

    @Test func nullLeavesADefault() throws {
        #expect(try read(LoRA.self, ["r": nil, "target_modules": nil, "bias": nil]) == LoRA())
    }

    @Test func valuesReachTheirProperties() throws {
        let vera = try read(
            VeRA.self,
            [
                "r": 3, "target_modules": ["a"], "exclude_modules": "b", "layers_to_transform": 2,
                "layers_pattern": "blocks", "bias": "vera_only", "modules_to_save": ["head"],
            ])
        #expect(vera.r == 3)
        #expect(vera.targeting.targetModules == .list(["a"]))
        #expect(vera.targeting.excludeModules == .pattern("b"))
        #expect(vera.layers.layersToTransform == [2])
        #expect(vera.layers.layersPattern == ["blocks"])
        #expect(vera.bias == .adapted)
        #expect(vera.targeting.modulesToSave == ["head"])
    }

    @Test func anUnknownChoiceIsRefusedWithThoseThatAre() {
        #expect(
            error(SSF.self, ["init_weights": "one"])
                == .option("init_weights: unknown value `one`; known: normal, identity"))
        #expect(
            error(UniPT.self, ["l1_eps_mode": "cut"]) == .option("l1_eps_mode: unknown value `cut`; known: add, clamp"))
        #expect(
            error(FourierFT.self, ["bias": "lora_only"])
                == .option("bias: unknown value `lora_only`; known: none, all, fourier_only"))
    }

    @Test func anOptionOfAnotherMethodIsNone() {
        #expect(throws: JSONError.self) { try read(KaSA.self, ["layers_to_transform": [1]]) }
    }

    @Test func aWidthTakesThePlaceOfTheOthersDefault() throws {
        let share = try read(Houlsby.self, ["reduction_factor": 4])
        #expect((share.bottleneck, share.reductionFactor) == (nil, 4))
        let channels = try read(Pfeiffer.self, ["bottleneck": 4])
        #expect((channels.bottleneck, channels.reductionFactor) == (4, nil))
        #expect(throws: MethodError.self) { try read(Houlsby.self, ["bottleneck": 8, "reduction_factor": 4]) }
        #expect(throws: MethodError.self) { try read(Pfeiffer.self, ["bottleneck": 8, "reduction_factor": 4]) }
    }

    @Test func whatCannotBeIsRefusedWhereItIsRead() {
        #expect(error(LISA.self, ["lisa_interval_steps": 0]) != nil)
        #expect(error(HFT.self, ["freeze_ratio": 1]) != nil)
        #expect(
            error(AdaLoRA.self, ["layers_pattern": ["a"]])
                == .option("layers_pattern: needs layers_to_transform beside it"))
    }
}
