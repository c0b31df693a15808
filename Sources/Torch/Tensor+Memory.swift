#if canImport(Glibc)
    import Glibc
#endif

extension Tensor {
    /// Lets go of the memory that this tensor holds of a mapped file, until it is read again; the numbers stay as they
    /// are. For tensors that will hardly be read again. Memory that is no file's, or was written to, is left alone, and
    /// so is all of it where the system does not tell.
    public func releasePages() throws {
        #if os(Linux)
            guard try device == .cpu, let start = UInt(exactly: try ATen.dataAddress(self)), start != 0 else { return }
            let page = UInt(max(1, sysconf(Int32(_SC_PAGESIZE))))
            let end = start + UInt(try count * dtype.size)
            // Only pages that belong to the tensor alone.
            let pages = (start + page - 1) / page..<max(end / page, (start + page - 1) / page)
            for run in filePages(pages) {
                guard let address = UnsafeMutableRawPointer(bitPattern: run.lowerBound * page) else { continue }
                _ = madvise(address, Int(UInt(run.count) * page), Int32(MADV_DONTNEED))
            }
        #endif
    }

    #if os(Linux)
        /// Runs of pages that hold what their file holds. Those that were written to are this process's own.
        private func filePages(_ pages: Range<UInt>) -> [Range<UInt>] {
            let map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
            guard map >= 0 else { return [] }
            defer { close(map) }
            var entries = [UInt64](repeating: 0, count: pages.count)
            let bytes = entries.count * 8
            let read = entries.withUnsafeMutableBytes { pread(map, $0.baseAddress, bytes, Int(pages.lowerBound) * 8) }
            guard read == bytes else { return [] }
            // Bit 61 of a page's entry: it is a file's.
            var runs: [Range<UInt>] = []
            for (page, entry) in zip(pages, entries) where entry >> 61 & 1 == 1 {
                if let last = runs.last, last.upperBound == page {
                    runs[runs.count - 1] = last.lowerBound..<page + 1
                } else {
                    runs.append(page..<page + 1)
                }
            }
            return runs
        }
    #endif
}
