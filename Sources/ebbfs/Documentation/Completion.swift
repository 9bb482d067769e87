/// Completions for shells, out of the tables of commands and options.
///
/// What can follow a command is read from its synopses: flags and small letters stand for themselves. Mountpoints of ebbfs and
/// paths can stand there too.
enum Completion {
  static var bash: String {
    """
    # Completion of ebbfs(8) for bash, printed by `ebbfs documentation bash`.
    _ebbfs() {
      local line=${COMP_LINE:0:COMP_POINT} current=${COMP_WORDS[COMP_CWORD]} words= candidate mount type
      local typed=${line##* } before=${line% *}
      COMPREPLY=()
      # bash splits words at `=`, and only what stands behind the last one is replaced.
      [[ $current == = ]] && current=
      if [[ $before == *" -o" && ${COMP_WORDS[1]} != journal ]]; then
        compopt -o nospace
        for candidate in $(compgen -W '\(joined(optionWords))' -- "${typed##*,}"); do
          candidate=${typed%"${typed##*,}"}$candidate
          COMPREPLY+=("${candidate#"${typed%"$current"}"}")
        done
        return
      fi
      if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W '\(joined(commands.map(\.name)))' -- "$current"))
        return
      fi
      case ${COMP_WORDS[1]} in
    \(commands.map { "  \($0.name)) words='\(joined($0.words))' ;;" }.joined(separator: "\n"))
      esac
      COMPREPLY=($(compgen -W "$words" -- "$current"))
      while read -r _ mount type _; do
        [[ $type == fuse.ebbfs ]] || continue
        printf -v mount %b "${mount//\\\\/\\\\0}"
        [[ $mount != "$current"* ]] || COMPREPLY+=("$(printf %q "$mount")")
      done </proc/self/mounts
    }
    complete -o bashdefault -o default -F _ebbfs ebbfs

    """
  }

  static var zsh: String {
    """
    #compdef ebbfs
    # Completion of ebbfs(8) for zsh, printed by `ebbfs documentation zsh`.
    _ebbfs() {
      local -a commands candidates mounts
      if [[ ${words[CURRENT-1]} == -o && ${words[2]} != journal ]]; then
        compset -P '*,'
        compadd -S '' -- \(joined(optionWords))
        return
      fi
      if ((CURRENT == 2)); then
        commands=(
    \(commands.map { "      \(quoted("\($0.name):\($0.help)", apostrophe: "'\\''"))" }.joined(separator: "\n"))
        )
        _describe command commands
        _directories
        return
      fi
      case ${words[2]} in
    \(commands.map { "  \($0.name)) candidates=(\(joined($0.words))) ;;" }.joined(separator: "\n"))
      esac
      mounts=(${(f)"$(while read -r _ mount type _; do [[ $type != fuse.ebbfs ]] || print -- $mount; done </proc/self/mounts)"})
      compadd -- $candidates
      compadd -- ${(g:o:)mounts}
      _files
    }
    _ebbfs "$@"

    """
  }

  static var fish: String {
    let commandLines = commands.flatMap { command in
      ["complete -c ebbfs -n __fish_use_subcommand -a \(command.name) -d \(quoted(command.help, apostrophe: "\\'"))"]
        + command.words.map { "complete -c ebbfs -n '__fish_seen_subcommand_from \(command.name)' -a '\($0)'" }
    }
    let readers = joined(commands.filter { $0.name != "mount" && !$0.name.hasPrefix("-") }.map(\.name))
    return """
      # Completion of ebbfs(8) for fish, printed by `ebbfs documentation fish`.
      function __ebbfs_mounts
          while read -d ' ' -l source mount type rest
              test "$type" = fuse.ebbfs; and printf '%b\\n' (string replace -a \\\\ \\\\0 -- $mount)
          end </proc/self/mounts
      end
      function __ebbfs_options
          printf '%s\\n' \(joined(optionWords))
      end
      \(commandLines.joined(separator: "\n"))
      complete -c ebbfs -n '__fish_seen_subcommand_from \(readers)' -a '(__ebbfs_mounts)'
      complete -c ebbfs -n 'not __fish_seen_subcommand_from journal' -s o -x -a '(__fish_complete_list , __ebbfs_options)'

      """
  }

  /// A command, what it does, and the words that may stand behind it.
  private struct Entry {
    var name: String
    var help: String
    var words: [String]
  }

  private static var commands: [Entry] {
    CommandTable.commands.map { command in
      let words = command.forms.flatMap { literals($0.synopsis) }.filter { $0 != command.name }
      return Entry(name: command.name, help: command.forms[0].help.filter { $0 != "`" }, words: unique(words))
    }
  }

  private static func literals(_ synopsis: String) -> [String] {
    synopsis.split { " |[]".contains($0) }.filter { $0.first == "-" || $0.first?.isLowercase ?? false }
      .map { String($0.prefix { $0 != "=" }) }
  }

  private static func unique(_ words: [String]) -> [String] {
    words.enumerated().filter { !words[..<$0.offset].contains($0.element) }.map(\.element)
  }

  /// Options with what may stand behind their `=`.
  private static var optionWords: [String] {
    let own = OptionTable.options.flatMap { option in
      if option.word.isEmpty { return [option.name] }
      return option.choices.isEmpty ? [option.name + "="] : option.choices.map { "\(option.name)=\($0)" }
    }
    return own + OptionTable.kernelWords.sorted()
  }

  private static func joined(_ words: [String]) -> String { words.joined(separator: " ") }

  private static func quoted(_ text: String, apostrophe: String) -> String {
    "'" + text.map { $0 == "'" ? apostrophe : String($0) }.joined() + "'"
  }
}
