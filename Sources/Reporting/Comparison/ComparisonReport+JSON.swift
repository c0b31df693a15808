import JSON

extension ComparisonReport {
    /// The comparison as it stands in `comparison.json`; figures that are not known are absent.
    public var json: JSON {
        [
            "graft": .string(graft), "budget": .array(budget.map(JSON.string)),
            "groups": .array(groups.map(\.json)),
            "unreadable": .array(unreadable.map { ["recipe": .string($0.name), "reason": .string($0.reason)] }),
        ]
    }
}

extension ComparisonGroup {
    fileprivate var json: JSON {
        var members: JSON.Object = ["task": .string(task), "model": .string(model), "data": .string(data)]
        if let metric {
            members["metric"] = [
                "name": .string(metric.name), "greater_is_better": .bool(metric.greaterIsBetter),
            ]
        }
        members["warnings"] = .array(warnings.map(JSON.string))
        members["pareto_fronts"] = .object(
            JSON.Object(Cost.allCases.map { (key: $0.rawValue, value: .array(front($0).map(JSON.string))) }))
        members["runs"] = .array(runs.map(json))
        return .object(members)
    }

    private func json(_ run: ComparedRun) -> JSON {
        var members: JSON.Object = [
            "recipe": .string(run.name), "method": .string(run.method), "folder": .string(run.folder),
            "status": .string(run.statusName.replacing(" ", with: "_")),
        ]
        if let reason = run.reason { members["reason"] = .string(reason) }
        if let digest = run.settingsDigest { members["settings_digest"] = .string(digest) }
        members["choices"] = .array(run.choices.map(JSON.string))
        if let result = run.result {
            if let value = value(run) { members["value"] = .double(value) }
            if let difference = difference(run, to: Self.lora) { members["difference_to_lora"] = .double(difference) }
            if let difference = difference(run, to: Self.full) { members["difference_to_full"] = .double(difference) }
            if let probe = probe(run) { members["linear_probe"] = .double(probe) }
            for (key, value) in result.members { members[key] = value }
        }
        members["pareto"] = .array(fronts(run).map { .string($0.rawValue) })
        members["remarks"] = .array((verdicts(run) + run.notes).map(JSON.string))
        return .object(members)
    }
}

extension ComparedResult {
    fileprivate var members: JSON.Object {
        var members: JSON.Object = [
            "metrics": .object(JSON.Object(metrics.map { (key: $0.name, value: JSON(finite: $0.value)) }))
        ]
        if let split { members["split"] = .string(split) }
        if let evaluatedRows { members["evaluated_rows"] = JSON(evaluatedRows) }
        members["trainable_parameters"] = JSON(trainableParameters)
        members["total_parameters"] = JSON(totalParameters)
        members["trainable_share"] = JSON(finite: trainableShare)
        members["steps"] = JSON(steps)
        members["training_seconds"] = JSON(finite: trainingSeconds)
        members["seconds_per_step"] = JSON(finite: stepSeconds)
        if let processSeconds { members["process_seconds"] = JSON(finite: processSeconds) }
        members["peak_memory_bytes"] = JSON(peakMemoryBytes)
        if let adapterBytes { members["adapter_bytes"] = JSON(adapterBytes) }
        if let environment { members["environment"] = environment.json }
        return members
    }
}
