// Rules of the house about src/.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace rqvae {
namespace {

TEST(Source, IncludesNothingOfEmscripten) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(RQVAE_SOURCE)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    ++files;
    EXPECT_EQ(text.str().find("emscripten/"), std::string::npos) << entry.path();
    EXPECT_EQ(text.str().find("__EMSCRIPTEN__"), std::string::npos) << entry.path();
  }
  EXPECT_GT(files, 20);
}

}  // namespace
}  // namespace rqvae
