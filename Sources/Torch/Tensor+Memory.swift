#if canImport(Glibc)
    import Glibc
#endif

extension Tensor {
    /// Lets the system take the tensor's memory back for now, where it can be had again: pages of a mapped file are read
    /// anew when they are touched. The numbers stay as they are. A hint, for tensors that will hardly be read again;
    /// nothing happens where the system has no such call.
    public func releasePages() throws {
        #if os(Linux)
            guard try device == .cpu, let start = UInt(exactly: try ATen.dataAddress(self)), start != 0 else { return }
            let page = UInt(max(1, sysconf(Int32(_SC_PAGESIZE))))
            let end = start + UInt(try count * dtype.size)
            // Only pages that belong to the tensor alone.
            let (first, last) = ((start + page - 1) / page * page, end / page * page)
            guard first < last, let address = UnsafeMutableRawPointer(bitPattern: first) else { return }
            let pageOut: Int32 = 21  // MADV_PAGEOUT, which the C library's header may be too old for.
            _ = madvise(address, Int(last - first), pageOut)
        #endif
    }
}
