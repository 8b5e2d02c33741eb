"""
Know the closed word classes of English, and a few hundred verbs.

Lists of our own, kept small: enough to find the subject and the verb of plain technical prose, and to leave out of a
search the words that every sentence has. A word that is missing costs one pattern, never a wrong answer.
"""

from __future__ import annotations

from typing import Final

ARTICLES: Final = frozenset("a an the".split())
DETERMINERS: Final = ARTICLES | frozenset(
    "this that these those each every all both some any no many several most few one its their our your his her".split()
)
NUMBERS: Final = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split(),
    )
}
PRONOUNS: Final = frozenset(
    "i you he she it we they me him us them this that these those there here itself themselves such another others "
    "mine yours ours theirs everything nothing something anything everybody nobody everyone none what whatever who "
    "whoever one former latter".split()
)
PREPOSITIONS: Final = frozenset(
    "of in on at by for from with without to into onto through via under over between among across before after "
    "during until per against about above below behind within as like than since upon toward towards besides beyond "
    "inside outside near along around beside because despite except unlike".split()
)
CONJUNCTIONS: Final = frozenset(
    "and or but nor so yet if when while where because although though unless until once whether that which who "
    "whom whose than as how why what whenever wherever since whereas".split()
)
BE: Final = frozenset("is are was were".split())
MODALS: Final = frozenset("must should can may will would could might shall cannot".split())
AUXILIARIES: Final = BE | MODALS | frozenset("be been being am do does did has have had".split())
ADVERBS: Final = frozenset(
    "also only never always often seldom sometimes usually then now thus hence therefore however otherwise instead "
    "still already again even just too very quite rather soon once twice not almost hardly merely simply further "
    "moreover meanwhile besides finally first second third last likewise similarly nevertheless nonetheless indeed "
    "elsewhere anyway together apart away back out up down off more less most least much so yet else ever later "
    "early alone inside outside everywhere nowhere anywhere".split()
)

# Nouns and adjectives that need no capital, where a sentence's beginning gives them one.
COMMON: Final = frozenset(
    "air art ash bread butter charcoal clay coal code coffee copper cotton dust fire flour fog food fruit fur gas "
    "glass gold grain grass hair hay heat honey ice ink iron juice law leather light lime maths meat metal milk "
    "money moss mud music nectar oil paper pollen power rain rice rock rust rye salt sand silver size sleep smoke "
    "snow soil space speed starch steam steel stone straw sugar sunlight text time timber trade traffic tin water "
    "wax weather weight wheat wind wine wood wool work yeast zinc ancient bare big blank blind bright broad broken "
    "brown busy cheap clean clear cold cool dark dead deep dense dry early easy empty equal false fast few final "
    "fine firm flat foreign free frequent fresh front full further future good great green half hard heavy high "
    "hollow hot huge inner large late less light likely little local long loud low main major many minor mixed "
    "modern moist more most much narrow native near new nice normal odd offline old online open other outer pale "
    "past plain poor present public pure quick quiet rare raw ready recent remote rich right rough round secret "
    "separate several shallow sharp short silent similar simple single slow small smooth soft solid sour standard "
    "steep strict strong such sudden sweet tall thick thin tight tiny top true upper warm weak wet whole wide wild "
    "young".split()
)

# What opens a sentence that goes on about the one before it.
CONTINUERS: Final = frozenset(
    "it its they their them he she his her this that these those such so thus hence therefore however but and or "
    "otherwise instead then also both neither either here there nor yet still besides moreover furthermore "
    "similarly likewise meanwhile".split()
)

STOP_WORDS: Final = (
    DETERMINERS
    | PRONOUNS
    | PREPOSITIONS
    | CONJUNCTIONS
    | AUXILIARIES
    | frozenset(
        "also only then not just too very quite rather out up down off more less most least much ever never always "
        "however therefore thus hence otherwise instead still already again even am own same other doing having "
        "myself yourself ourselves himself herself my let can't don't doesn't isn't aren't won't s t etc e.g i.e "
        "please".split()
    )
)

# What a question about a text says besides its subject: worth little in a search for the subject.
QUESTION_WORDS: Final = frozenset(
    "text passage section say said tell told explain describe mention according purpose reason role happen mean "
    "meant know matter detail question answer define definition give find happens says explained important worth "
    "exactly relate related connect connection come part play kind sort true author learn anything".split()
)

_REGULAR: Final = (
    "absorb accept add allow appear apply arrange ask assign assume attract avoid belong bind bloom borrow bound "
    "carry cause check claim close collect combine compare consist contain convert cook cover create cut decide "
    "declare define delete deliver depend derive describe design destroy detect determine develop discover "
    "distinguish divide drop earn employ enable encode end enforce ensure enter establish examine exclude expect "
    "explain explore express fail fetch fill finish fix follow form gather generate govern graft guarantee guard "
    "handle happen help honour identify ignore imply import improve include increase indicate inherit insert "
    "install introduce invent involve join judge last limit listen live load look maintain map mark match measure "
    "merge mention move name need note notice obey observe offer open order parse pass perform permit pick place "
    "plan plant point predict prefer prevent print produce protect prove provide publish pull push raise reach "
    "receive recommend record reduce refer refuse register reject release rely remain remember remove repair "
    "replace reply report request require reserve resolve respect resume retry return reveal rotate satisfy save "
    "select separate serve settle share ship sort start state stay stop store stream suffer suggest supply support "
    "survive tolerate touch transform translate travel treat trigger trust try turn unify update use validate "
    "wait walk want warn waste water work wrap yield accompany answer exist skip depict evaluate "
    "execute compile download implement invoke represent restore reuse scan search solve succeed "
    "summarise tend train treat trim vary visit weigh wish worry yield adapt adjust advise affect aim announce "
    "argue attach balance benefit calculate capture celebrate classify climb compete complete concern conclude "
    "confirm confuse consider consume continue contribute control copy correct crawl damage decay decline decrease "
    "deserve differ disappear dissolve dominate eliminate emit encounter encourage exceed exchange exhaust extend "
    "extract float focus force gain hope host hunt imagine impose indicate infer inform inhabit inspire interpret "
    "invite isolate lack link list lock log manage migrate monitor normalise occupy occur operate organise "
    "originate participate penetrate persist possess preserve proceed process promise promote propose prune punish "
    "purchase recall recognise recover refine reflect regulate reinforce reload render repeat resemble respond "
    "dry reverse reward review sample scale shape shadow rest signal specify stem stretch study subscribe surround "
    "suspend switch target test threaten trace track transfer transmit unite vanish verify view vote wander welcome"
).split()
_IRREGULAR: Final = {
    "arise": "arose", "bear": "bore", "beat": "beat", "begin": "began", "break": "broke", "bring": "brought",
    "build": "built", "buy": "bought", "catch": "caught", "choose": "chose", "come": "came", "cost": "cost",
    "deal": "dealt", "do": "did", "draw": "drew", "drink": "drank", "drive": "drove", "eat": "ate", "fall": "fell",
    "feed": "fed", "feel": "felt", "find": "found", "fly": "flew", "forbid": "forbade", "forget": "forgot",
    "get": "got", "give": "gave", "go": "went", "grow": "grew", "have": "had", "hear": "heard", "hide": "hid",
    "hold": "held", "keep": "kept", "know": "knew", "lay": "laid", "lead": "led", "leave": "left", "lend": "lent",
    "let": "let", "lie": "lay", "lose": "lost", "make": "made", "mean": "meant", "meet": "met", "pay": "paid",
    "put": "put", "read": "read", "ride": "rode", "rise": "rose", "run": "ran", "say": "said", "see": "saw",
    "seek": "sought", "sell": "sold", "send": "sent", "set": "set", "show": "showed", "shrink": "shrank",
    "shut": "shut", "sit": "sat", "sleep": "slept", "speak": "spoke", "spend": "spent", "split": "split",
    "stand": "stood", "stick": "stuck", "strike": "struck", "swim": "swam", "take": "took", "tell": "told",
    "think": "thought", "throw": "threw", "understand": "understood", "wake": "woke", "wear": "wore",
    "win": "won", "write": "wrote", "teach": "taught", "become": "became", "spread": "spread", "rewrite": "rewrote",
    "override": "overrode", "withstand": "withstood",
}  # fmt: skip
_DOUBLED: Final = frozenset(
    "drop plan stop wrap map ship prefer refer submit commit control occur transfer permit emit transmit trim log "
    "infer".split()
)
_PARTICIPLES: Final = frozenset(
    "borne beaten begun broken chosen come done drawn drunk driven eaten fallen flown overridden rewritten forbidden "
    "forgotten given gone grown hidden known lain ridden risen run seen shown shrunk spoken stricken swum taken "
    "thrown torn woken worn written bound".split()
)

# Verbs that a text more often uses as plural nouns: only a determiner after them makes them verbs.
AMBIGUOUS: Final = frozenset(
    "answers causes checks claims covers costs cuts deals designs ends fixes forms guards keys limits looks maps "
    "marks matches measures moves names needs notes offers orders places plans plants points puts reads records "
    "replies reports requests returns runs sets shares ships shows sorts starts states stores streams supports "
    "turns updates uses waits wants waters works wraps loads imports prints reserves downloads aims benefits "
    "controls copies damages declines decreases exchanges focuses forces gains hopes hosts hunts lacks links lists "
    "locks logs monitors processes promises purchases rewards reviews samples scales shadows shapes signals stems "
    "studies switches targets tests tracks traces transfers views votes wishes worries increases results releases "
    "repairs guarantees judges joins changes trains searches scans balances concerns".split()
)

# What each of these verbs wants after it, so that a question may end with both.
PHRASAL: Final = {
    "belong": "to", "come": "from", "consist": "of", "deal": "with", "depend": "on", "lead": "to", "listen": "to",
    "look": "for", "point": "to", "refer": "to", "rely": "on", "reply": "with", "wait": "for", "end": "with",
    "start": "with", "begin": "with", "apply": "to", "result": "in",
}  # fmt: skip


def third_person(verb: str) -> str:
    """Conjugate a verb for he, she or it: `carry` → `carries`."""
    special = {"have": "has", "do": "does", "go": "goes"}
    if verb in special:
        return special[verb]
    if verb.endswith(("s", "x", "z", "ch", "sh")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeou":
        return verb[:-1] + "ies"
    return verb + "s"


def _past(verb: str) -> str:
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeou":
        return verb[:-1] + "ied"
    return verb + verb[-1] + "ed" if verb in _DOUBLED else verb + "ed"


VERBS: Final = frozenset(_REGULAR) | frozenset(_IRREGULAR)
THIRD_PERSON: Final = {third_person(verb): verb for verb in VERBS}
PAST: Final = {form: verb for verb in sorted(VERBS) if (form := _past(verb)) != verb}
PARTICIPLES: Final = _PARTICIPLES | frozenset(PAST) | frozenset("cut put set read let cost shut split beat".split())


def is_participle(word: str) -> bool:
    """Tell whether a word reads as a past participle: `kept`, `written`, `adapted`."""
    return word in PARTICIPLES or (len(word) > 4 and word.endswith("ed") and not word.endswith("eed"))
