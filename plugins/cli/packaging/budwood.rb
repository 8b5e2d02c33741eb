# A template: formula.py replaces the words with a dollar sign, and writes dist/budwood.rb.
class Budwood < Formula
  include Language::Python::Virtualenv

  desc "Ask language models of any vendor from the command-line"
  homepage "$homepage"
  url "$url"
  sha256 "$sha256"
  license "Apache-2.0"

  depends_on "rust" => :build # for pydantic-core and rpds-py
  depends_on "python@3.13"

  $resources

  def install
    virtualenv_install_with_resources
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/budwood --version")
    question = "What gives roots? The rootstock gives roots."
    assert_match "The rootstock", shell_output("#{bin}/budwood ask -m offline/extractive '#{question}'")
  end
end
