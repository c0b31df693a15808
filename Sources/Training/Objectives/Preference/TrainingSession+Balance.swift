import Reporting

extension TrainingSession {
    /// What KTO says about weights and numbers of answers that are judged alone: λ_D n_D / (λ_U n_U) is to be from 1 to
    /// 4/3 (Ethayarajh et al. 2024, section 4.3). Nil where it is.
    var balanceWarning: RunWarning? {
        let judgements = data.training.examples.compactMap(\.isDesirable)
        guard !judgements.isEmpty else { return nil }
        let desirable = judgements.count { $0 }
        let undesirable = judgements.count - desirable
        guard desirable > 0, undesirable > 0 else {
            let kind = desirable == 0 ? "undesirable" : "desirable"
            return RunWarning(code: "kto_balance", message: "all answers are \(kind): there is nothing to tell apart")
        }
        let options = configuration.preference
        let wanted = options.undesirableWeight * Double(undesirable) / Double(desirable)
        let share = options.desirableWeight / wanted
        guard share < 1 || share > 4.0 / 3 else { return nil }
        let range = [wanted, wanted * 4 / 3].map { Quantity.number($0, digits: 3) }.joined(separator: " to ")
        return RunWarning(
            code: "kto_balance",
            message: "\(desirable) answers are desirable and \(undesirable) are not: a desirable_weight of \(range) "
                + "would balance them")
    }
}
