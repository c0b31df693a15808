import Networks

/// A method whose adapters compute differently for the tasks that rows are of.
public protocol TaskRouting: Method {
    /// The number of tasks.
    var nTasks: Int { get }
}

/// A graft that computes by the task of each row.
protocol TaskRoutedGraft: SiteGraft {
    /// The number of tasks.
    var taskCount: Int { get }
    /// The task of rows that have no number, and the one that is merged; nil where there is none.
    var chosenTask: Int? { get set }
}

extension GraftSet {
    /// Takes one task for all rows that bring no number of their own, and for merging.
    /// - Throws: `MethodError.option` where the adapter has no such task, or does not ask for one.
    public func choose(task: Int) throws {
        let routed = grafts.compactMap { $0 as? any TaskRoutedGraft }
        guard !routed.isEmpty else {
            throw MethodError.option("task_id: the adapter computes the same for every task; leave it out")
        }
        for graft in routed {
            guard (0..<graft.taskCount).contains(task) else {
                throw MethodError.option(
                    "task_id: the adapter's tasks are 0 to \(graft.taskCount - 1), found \(task)")
            }
            graft.chosenTask = task
        }
    }
}
