import Optimization

extension TrainingArguments {
    /// The configured optimizer's numbers.
    var optimizerSettings: OptimizerSettings {
        var settings = OptimizerSettings()
        switch optim {
        case .adamW: settings.rule = .adamW
        case .sgd: settings.rule = .sgd
        // Makes no use of gradients: the rule is that of what is trained beside the adapter, the linear probe.
        case .mezo: settings.rule = .adamW
        }
        settings.beta1 = adamBeta1
        settings.beta2 = adamBeta2
        settings.epsilon = adamEpsilon
        settings.momentum = momentum
        settings.weightDecay = weightDecay
        return settings
    }
}

extension LearningRateSchedule {
    /// The schedule of a configuration.
    /// - Parameter totalSteps: steps of the whole training.
    public init(_ arguments: TrainingArguments, totalSteps: Int) {
        let shape = arguments.lrSchedulerType
        let ratio = Int((Double(totalSteps) * arguments.warmupRatio).rounded(.up))
        self.init(
            shape: shape, peak: arguments.learningRate,
            warmupSteps: shape == .constant ? 0 : arguments.warmupSteps > 0 ? arguments.warmupSteps : ratio,
            totalSteps: totalSteps)
    }
}
