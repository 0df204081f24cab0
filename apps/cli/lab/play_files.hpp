// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace aperto::cli {

/// A folder for this user alone, which goes with this object.
class play_folder {
public:
    /// Throws std::system_error.
    play_folder();
    ~play_folder();
    play_folder(const play_folder&) = delete;
    play_folder& operator=(const play_folder&) = delete;

    std::string path(std::string_view name) const;
    /// Throws std::system_error.
    void write(std::string_view name, std::string_view text) const;
    /// A copy of this file, where there is one.
    void take(const std::string& file) const;

private:
    std::string path_;
};

/// 128 bits of the kernel's randomness, as hexadecimal digits. Throws std::system_error.
std::string make_token();

/// Where there is a display, has the desktop's browser (xdg-open) open `url`: by a file in `folder` that sends it there,
/// since everybody on the machine sees the arguments of a process.
void open_browser(const play_folder& folder, const std::string& url);

}  // namespace aperto::cli
