// Rules of the house about src/.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace rqvae {
namespace {

namespace fs = std::filesystem;

// The folders of src/: each may use itself and those before it.
constexpr std::array kFloors = {"numerics", "layers", "quantizer", "model", "fitting", "training"};

size_t FloorOf(const fs::path& file) {
  const std::string folder = file.parent_path().filename().string();
  return static_cast<size_t>(std::find(kFloors.begin(), kFloors.end(), folder) - kFloors.begin());
}

std::vector<fs::path> Files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(RQVAE_SOURCE)) {
    const fs::path extension = entry.path().extension();
    if (extension == ".h" || extension == ".cpp") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string TextOf(const fs::path& file) {
  std::ifstream stream(file);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

// The headers in quotation marks, in the order of the file.
std::vector<std::string> IncludesOf(const fs::path& file) {
  static const std::regex kInclude("#\\s*include\\s*\"([^\"]+)\"");
  const std::string text = TextOf(file);
  std::vector<std::string> names;
  for (std::sregex_iterator found(text.begin(), text.end(), kInclude), end; found != end; ++found) {
    names.push_back((*found)[1]);
  }
  return names;
}

TEST(Source, IncludesNothingOfEmscripten) {
  EXPECT_GT(Files().size(), 20u);
  for (const fs::path& file : Files()) {
    const std::string text = TextOf(file);
    EXPECT_EQ(text.find("emscripten/"), std::string::npos) << file;
    EXPECT_EQ(text.find("__EMSCRIPTEN__"), std::string::npos) << file;
  }
}

TEST(Source, EveryFileIsOnAFloorAndEveryHeadersNameIsUnique) {
  std::map<std::string, fs::path> headers;
  for (const fs::path& file : Files()) {
    EXPECT_LT(FloorOf(file), kFloors.size()) << file << " is in a folder that kFloors does not name";
    if (file.extension() != ".h") continue;
    const auto [first, is_new] = headers.emplace(file.filename().string(), file);
    EXPECT_TRUE(is_new) << file << " has the name of " << first->second;
  }
}

TEST(Source, IncludesRunDownwards) {
  std::map<std::string, size_t> floors;
  for (const fs::path& file : Files()) {
    if (file.extension() == ".h") floors.emplace(file.filename().string(), FloorOf(file));
  }
  for (const fs::path& file : Files()) {
    for (const std::string& name : IncludesOf(file)) {
      const auto header = floors.find(name);
      if (header == floors.end()) {
        ADD_FAILURE() << file << " includes \"" << name << "\", which is not the name of a header in src/";
      } else {
        EXPECT_LE(header->second, FloorOf(file)) << file << " includes \"" << name << "\", which stands above it";
      }
    }
  }
}

TEST(Source, DevelopingNamesEveryHeader) {
  const std::string text = TextOf(RQVAE_DEVELOPING);
  const size_t begin = text.find("\n## Layers\n");
  ASSERT_NE(begin, std::string::npos) << "DEVELOPING.md has no section \"Layers\"";
  const std::string section = text.substr(begin, text.find("\n## ", begin + 1) - begin);
  for (const fs::path& file : Files()) {
    if (file.extension() != ".h") continue;
    const std::regex name("\\b" + file.stem().string() + "\\b");
    EXPECT_TRUE(std::regex_search(section, name)) << "DEVELOPING.md, \"Layers\", does not name " << file.filename();
  }
}

}  // namespace
}  // namespace rqvae
