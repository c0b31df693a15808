// Where tensors on the CPU live, and what libtorch may keep beside them.
//
// Training allocates as a stack does: the forward pass piles up what the backward pass then takes away, for batches of
// other lengths in other sizes each time. The C library's heap answers that with gaps that stay resident, and with
// pages given back and faulted in again in every step. Here the tensors share one range of addresses: the lowest gap
// that is large enough is taken, and neighbouring gaps become one, so that the range grows little beyond what is alive.
#include "engine.h"

#include <cstdlib>

#if defined(__linux__)
#include <malloc.h>
#include <sys/mman.h>
#elif defined(__APPLE__)
#include <malloc/malloc.h>
#endif

// The address sanitizer watches the C library's heap alone, so that heap has all tensors then. GCC and clang tell of it
// in different ways.
#if defined(__SANITIZE_ADDRESS__)
#define GRAFT_IS_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GRAFT_IS_WATCHED 1
#endif
#endif
#if defined(__linux__) && !defined(GRAFT_IS_WATCHED)
#define GRAFT_OWN_MEMORY 1
#endif

#if defined(GRAFT_OWN_MEMORY)
#include <c10/core/CPUAllocator.h>
#include <c10/core/alignment.h>
#include <c10/core/impl/alloc_cpu.h>
#include <unistd.h>

#include <map>
#include <mutex>

namespace graft {
namespace {

/// Smaller tensors stay in the C library's heap, which is made for them.
constexpr size_t smallest = size_t{4} << 10;
/// Larger ones are left to the system, which refuses what the machine cannot hold.
constexpr size_t largest = size_t{512} << 20;
/// Addresses cost nothing until they are used.
constexpr size_t reserved = size_t{256} << 30;

/// The tensors of `smallest` to `largest` bytes in one range of addresses; others, and what finds no room, in the C
/// library's heap.
class TensorMemory final : public c10::Allocator {
public:
    explicit TensorMemory(char *base) : base_(base), end_(base + reserved) { gaps_.emplace(base, reserved); }

    c10::DataPtr allocate(size_t bytes) override {
        void *data = bytes >= smallest && bytes <= largest ? take(bytes) : nullptr;
        if (!data) data = c10::alloc_cpu(bytes);
        return {data, data, give_back, c10::Device(c10::DeviceType::CPU)};
    }

    c10::DeleterFnPtr raw_deleter() const override { return give_back; }
    void copy_data(void *to, const void *from, size_t bytes) const override { default_copy_data(to, from, bytes); }

    /// Gives the pages of all gaps back to the system.
    void release_gaps();

private:
    static void give_back(void *data);
    void *take(size_t bytes);
    void put(char *block);

    /// What is in front of a block's bytes; as large as their alignment asks for.
    struct alignas(c10::gAlignment) Header {
        size_t size;
    };

    char *const base_;
    char *const end_;
    std::mutex mutex_;
    /// Address to size. Few: blocks go in the order in which they came, and gaps grow together.
    std::map<char *, size_t> gaps_;
};

/// Never destroyed: tensors of other libraries may outlive this one's statics.
TensorMemory *memory = nullptr;

void *TensorMemory::take(size_t bytes) {
    auto size = sizeof(Header) + (bytes + sizeof(Header) - 1) / sizeof(Header) * sizeof(Header);
    std::lock_guard lock(mutex_);
    auto gap = gaps_.begin();
    while (gap != gaps_.end() && gap->second < size) ++gap;
    if (gap == gaps_.end()) return nullptr;
    auto [block, room] = *gap;
    auto next = gaps_.erase(gap);
    if (room > size) gaps_.emplace_hint(next, block + size, room - size);
    return new (block) Header{size} + 1;
}

void TensorMemory::put(char *block) {
    auto size = reinterpret_cast<Header *>(block)->size;
    std::lock_guard lock(mutex_);
    auto after = gaps_.lower_bound(block);
    if (after != gaps_.end() && block + size == after->first) {
        size += after->second;
        after = gaps_.erase(after);
    }
    if (after != gaps_.begin()) {
        auto before = std::prev(after);
        if (before->first + before->second == block) {
            before->second += size;
            return;
        }
    }
    gaps_.emplace_hint(after, block, size);
}

void TensorMemory::give_back(void *data) {
    auto *bytes = static_cast<char *>(data);
    if (bytes < memory->base_ || bytes >= memory->end_) return c10::free_cpu(data);
    memory->put(bytes - sizeof(Header));
}

void TensorMemory::release_gaps() {
    static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    std::lock_guard lock(mutex_);
    for (auto [block, size] : gaps_) {
        auto begin = (reinterpret_cast<uintptr_t>(block) + page - 1) / page * page;
        auto end = reinterpret_cast<uintptr_t>(block + size) / page * page;
        if (begin < end) madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
    }
}

const bool is_installed = [] {
    auto *base = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return false;  // A limit of addresses: the C library's heap does for all.
    memory = new TensorMemory(static_cast<char *>(base));
    c10::SetCPUAllocator(memory, /*priority=*/1);
    return true;
}();

}  // namespace
}  // namespace graft
#endif

namespace graft {
namespace {

/// oneDNN keeps what it made for each shape, a thousand of them at 700 KB: batches of many lengths would fill that.
/// These are its own switches and libtorch's; both are read at the first use.
const bool keeps_few_shapes = [] {
    for (auto *name : {"ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"}) setenv(name, "96", /*overwrite=*/0);
    return true;
}();

}  // namespace

void release_freed_memory() {
#if defined(GRAFT_OWN_MEMORY)
    if (memory) memory->release_gaps();
#endif
#if defined(__GLIBC__)
    malloc_trim(0);
#elif defined(__APPLE__)
    malloc_zone_pressure_relief(nullptr, 0);
#endif
}

}  // namespace graft
