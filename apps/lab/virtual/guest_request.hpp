// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// Where one of the run's three standard descriptors leads, inside the virtual machine.
enum class stdio_kind : std::uint8_t {
    nothing,   ///< /dev/null
    file,      ///< of standard input: what was read of it before the run
    pipe,      ///< of the outputs: a pipe whose bytes come back
    terminal,  ///< a terminal of the same size
    as_output  ///< of standard error: the same as standard output
};

/// What the virtual machine is asked to run, handed over as the file `request` of the folder that both
/// sides see.
struct guest_request {
    std::vector<std::string> arguments;  ///< the program's path, then its arguments
    std::vector<std::string> environment;
    std::string folder;  ///< the working directory
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups;
    mode_t mask = 022;
    stdio_kind in = stdio_kind::nothing;
    stdio_kind out = stdio_kind::pipe;
    stdio_kind err = stdio_kind::pipe;
    unsigned rows = 24;
    unsigned columns = 80;
    /// The lab's own outputs, absolute: they are there, empty, before the run, and come back where it wrote them.
    std::vector<std::string> wanted;
    /// Files of the run's programs to bring back where they wrote them, absolute.
    std::vector<std::string> kept;

    std::string text() const;
    /// Throws std::runtime_error for what `text` cannot have written.
    static guest_request read(std::string_view text);
};

/// The files of the folder that both sides see.
namespace shared_file {
inline constexpr const char* request = "request";
inline constexpr const char* input = "input";    ///< what standard input had
inline constexpr const char* output = "output";  ///< frames, see below
inline constexpr const char* kernel_log = "log";
inline constexpr const char* results = "results";  ///< a folder: 0, 1… and 0.name, 1.name…
}  // namespace shared_file

/// A frame of `output`: its kind, three bytes of nothing, the length of what follows in four bytes, least
/// first.
enum class frame_kind : std::uint8_t { out = 1, err = 2, ended = 3 };
inline constexpr std::size_t frame_head_size = 8;

std::string frame(frame_kind kind, std::string_view bytes);

struct read_frame {
    frame_kind kind;
    std::string_view bytes;
    std::size_t size;  ///< with its head
};
/// The first frame of `bytes`, if all of it is there.
bool next_frame(std::string_view bytes, read_frame& out);

}  // namespace aperto::lab
