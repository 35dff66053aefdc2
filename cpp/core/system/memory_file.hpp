#pragma once

#include <cstddef>
#include <cstdint>

#include "core/system/files.hpp"

/// Files that are memory alone: they have no name in any file system, and the kernel takes their
/// memory back with the last descriptor and mapping of them, however that goes.
namespace rheap::system {

/// A file of so many bytes, all zero and none of them in memory yet, which can neither shrink nor
/// grow. `name` is what /proc shows of it. Throws SystemRefused.
File make_memory_file(const char* name, std::uint64_t bytes);
/// The bytes of such a file, or 0 when this is none, or can shrink or grow. Throws SystemRefused.
std::uint64_t sealed_bytes(int descriptor);
/// Bytes of the file that are in memory. 0 when the descriptor is no longer that file.
std::uint64_t bytes_in_memory(const File& file) noexcept;

/// Reads from its beginning. Returns whether there was as much. Throws SystemRefused.
bool read_front(const File& file, std::byte* to, std::size_t bytes);
/// Maps all of it where every process sees what the others write, at a multiple of `align`. Throws
/// SystemRefused.
std::byte* map_shared(const File& file, std::size_t bytes, std::size_t align);

/// Brings whole pages of the file, mapped at `memory`, into memory, so that no later write to them
/// can fail. What is in them stays. Throws SystemRefused, and then some may be in memory.
void provide(const File& file, std::byte* memory, std::uint64_t begin, std::uint64_t bytes);
/// Takes whole pages of it back: they read as zero. Returns whether the system did it.
bool take_back(std::byte* memory, std::uint64_t begin, std::uint64_t bytes) noexcept;

/// Tests set it to have `provide` refused with the error that it returns, unless that is 0.
inline int (*refuse_to_provide)() = nullptr;

/// A byte of the file that is locked for as long as a mapping of one page lives, in this process or
/// in one that it forked: a mark of life that ends with them in whatever way, and that no closing
/// of descriptors takes away (an open file description of its own holds the lock).
class LifeMark {
 public:
  LifeMark() = default;
  ~LifeMark() { release(); }
  LifeMark(const LifeMark&) = delete;
  LifeMark& operator=(const LifeMark&) = delete;

  /// Returns 0 or the error; EAGAIN when somebody has it.
  int take(const File& file, std::uint64_t byte) noexcept;
  void release() noexcept;
  [[nodiscard]] bool taken() const { return page_ != nullptr; }
  /// Whether forked children have it, too. They have not, at first. Returns whether the system did
  /// it.
  bool inherit(bool inherited) noexcept;
  /// Gives the mark to another object.
  void swap(LifeMark& other) noexcept;
  /// What is a mark of the parent's is none in a child that did not inherit it.
  void forget() noexcept { page_ = nullptr; }

 private:
  void* page_ = nullptr;
};

/// Whether anybody has the mark. Nobody can be asked through a descriptor that is no longer that
/// file: then yes.
bool is_marked(const File& file, std::uint64_t byte) noexcept;

}  // namespace rheap::system
