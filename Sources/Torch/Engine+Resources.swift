extension Engine {
    /// Gives memory that the process has freed back to the system, where the allocators keep it. It costs the next use of
    /// that memory some time: for the end of a stage of work, and for methods that promise to need little.
    public static func releaseFreedMemory() {
        // Giving back is a favour: there is nothing to do about an engine that cannot.
        try? ATen.releaseFreedMemory()
    }

    /// Ends the threads that parallel work of the calling thread has left waiting for more of it. Each thread that computes
    /// has a team of its own; where the teams together have more threads than there are processors, all of them go to
    /// sleep between two products, which costs a fifth of the speed.
    public static func endWaitingThreads() {
        try? ATen.endWaitingThreads()
    }
}
